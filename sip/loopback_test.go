package sip

import (
	"context"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// The first calls over real sockets: everything else is tested in virtual time.
func TestCallOverLoopbackUDP(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	callee := newParty(t, Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}})
	caller := newParty(t, Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}})
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			d, err := caller.stack.Invite(ctx, InviteOptions{
				To: callee.uri(transport, "bob"), From: "alice", Offer: []byte("v=offer"),
			}, &caller.ear)
			if err != nil {
				t.Fatal(err)
			}
			in := callee.next(t)
			if got := string(in.Offer()); got != "v=offer" {
				t.Errorf("offer %q", got)
			}
			if err := in.Provisional(180, "", nil); err != nil {
				t.Fatal(err)
			}
			caller.expect(t, "progress 180")
			if err := in.Answer([]byte("v=answer")); err != nil {
				t.Fatal(err)
			}
			caller.expect(t, "answered v=answer")
			if err := d.Hangup(Cause{Q850: 16}); err != nil {
				t.Fatal(err)
			}
			caller.expect(t, "ended local 200 q850=16")
			callee.expect(t, "ended peer 200 q850=16")
		})
	}
	if err := caller.stack.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := callee.stack.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	for _, p := range []*party{caller, callee} {
		if n := p.stack.Dialogs(); n != 0 {
			t.Errorf("%d dialogs left", n)
		}
	}
}

// uri is where the party listens.
func (p *party) uri(transport, user string) sipmsg.Uri {
	for _, a := range p.stack.Addrs() {
		if rest, ok := strings.CutPrefix(a, transport+"://"); ok {
			var uri sipmsg.Uri
			if err := sipmsg.ParseUri("sip:"+user+"@"+rest+";transport="+transport, &uri); err != nil {
				panic(err)
			}
			return uri
		}
	}
	panic("no listener for " + transport)
}
