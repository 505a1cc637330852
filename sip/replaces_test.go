package sip

import (
	"testing"
	"testing/synctest"

	sipmsg "github.com/emiago/sipgo/sip"
)

func TestReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l)
		dial(t, alice, bob, InviteOptions{})
		ringing := bob.next(t)
		tests := []struct {
			value  string
			want   *Dialog
			status int
		}{
			{"", nil, 0},
			{out.Replaces(), in, 0}, // alice tells carol how to replace her towards bob
			{out.Replaces() + ";early-only", nil, 486},
			{"nothing", nil, 400},
			{"nothing;to-tag=a;from-tag=b", nil, 481},
			{ringing.CallID() + ";to-tag=" + ringing.LocalTag() + ";from-tag=" + ringing.RemoteTag(), nil, 481},
		}
		for _, tt := range tests {
			req := sipmsg.NewRequest(sipmsg.INVITE, sipmsg.Uri{Host: "x"})
			if tt.value != "" {
				req.AppendHeader(sipmsg.NewHeader("Replaces", tt.value))
			}
			if d, status := bob.stack.Replaced(req); d != tt.want || status != tt.status {
				t.Errorf("%q: %v, %d; want %v, %d", tt.value, d, status, tt.want, tt.status)
			}
		}
		ringing.Reject(486, "")
		out.Hangup(Cause{})
		settle(t, alice, bob)
	})
}
