package sip

import (
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Replaced finds the dialog that an INVITE wants to take the place of (RFC
// 3891 3). Without a Replaces header it returns nil and 0; when the header
// cannot be obeyed, nil and the status to refuse with.
func (s *Stack) Replaced(invite *sipmsg.Request) (d *Dialog, status int) {
	hs := invite.GetHeaders("Replaces")
	if len(hs) == 0 {
		return nil, 0
	}
	callID, local, remote, earlyOnly := parseReplaces(hs[0].Value())
	if len(hs) > 1 || callID == "" || local == "" || remote == "" {
		return nil, 400
	}
	if d = s.Find(callID, local, remote); d == nil {
		return nil, 481
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.ended:
		return nil, 603
	case d.state == confirmed || d.state == answered:
		if earlyOnly {
			return nil, 486
		}
	case d.inbound: // only an early dialog that we started can be replaced
		return nil, 481
	}
	return d, 0
}

// parseReplaces takes a Replaces header apart; local is our tag, its to-tag.
func parseReplaces(value string) (callID, local, remote string, earlyOnly bool) {
	parts := strings.Split(value, ";")
	for _, p := range parts[1:] {
		name, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch strings.ToLower(name) {
		case "to-tag":
			local = v
		case "from-tag":
			remote = v
		case "early-only":
			earlyOnly = true
		}
	}
	return strings.TrimSpace(parts[0]), local, remote, earlyOnly
}

// Replaces is the value of the Replaces header with which somebody takes our
// place towards this dialog's peer: for Refer, and for InviteOptions.Replaces.
func (d *Dialog) Replaces() string {
	return d.callID + ";to-tag=" + d.RemoteTag() + ";from-tag=" + d.localTag
}

// MaxForwards is the value in the initial INVITE, 70 when it has none. A call
// that is passed on gets one less, so that a loop ends.
func (d *Dialog) MaxForwards() int {
	if h := d.Invite().GetHeader("Max-Forwards"); h != nil {
		if n, err := strconv.Atoi(strings.TrimSpace(h.Value())); err == nil {
			return n
		}
	}
	return 70
}
