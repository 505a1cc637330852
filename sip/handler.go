package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Handler receives what belongs to no dialog yet.
type Handler interface {
	// Invite is called for each initial INVITE after 100 (Trying) went out, on
	// a goroutine of its own, and may block. It must call d.SetHandler before
	// anything is sent; sooner or later d must see Answer, Reject or Hangup.
	Invite(d *Dialog)
	// Request is called for every other request outside a dialog (REGISTER,
	// OPTIONS, MESSAGE …), on a goroutine of its own. It must send one final
	// response through tx.
	Request(req *sipmsg.Request, tx sipmsg.ServerTransaction)
}

// DialogHandler is told what happens in a dialog. The calls come one at a time
// in wire order from the dialog's own queue. They may block briefly; the
// protocol (retransmissions, ACK, timers) goes on meanwhile, later calls wait.
// They may call any method of the Dialog except those that wait for the peer
// (Reoffer, Info, Refer, Notify).
type DialogHandler interface {
	// Progress: an outgoing call got a provisional response above 100, with
	// the session description in it, if any.
	Progress(status int, sdp []byte)
	// Answered: an outgoing call got its 2xx (the ACK is sent already; sdp is
	// nil when the answer came earlier or the offer was late), or the answer to
	// an offer that we gave late came in the ACK or PRACK.
	Answered(sdp []byte)
	// Offered: the peer offers a session. Return the answer and 200, or nil and
	// the status to refuse with (488 when status is 0 or below 300). sdp is nil
	// when the peer asks for an offer of ours (re-INVITE without a body); its
	// answer then arrives in Answered. It is also called for the late offer in
	// the 2xx of an INVITE that we sent without one.
	Offered(sdp []byte) (answer []byte, status int)
	// Request: INFO, REFER, NOTIFY, MESSAGE or SUBSCRIBE inside the dialog.
	// The returned status is sent; reason may be empty.
	Request(req *sipmsg.Request) (status int, reason string)
	// Ended is called exactly once, and nothing after it.
	Ended(End)
}

// End says how a dialog ended.
type End struct {
	Local  bool   // we ended it
	Status int    // final status of the INVITE; 487 cancelled; 200 hung up after the answer; 408 peer silent; 503 unreachable
	Q850   int    // ISDN cause from the peer's (or our) Reason header, RFC 3326; 0 when absent
	Reason string // reason phrase or the text of the Reason header
	// RetryAfter is the peer's Retry-After of a refused INVITE, 0 when absent.
	RetryAfter time.Duration
	// Contacts are the targets of a 3xx answer, in the peer's order.
	Contacts []sipmsg.Uri
}

// Cause says why we end a dialog. The zero value hangs up normally.
type Cause struct {
	Status int    // final response to an unanswered inbound INVITE (480 when 0); in a CANCEL or BYE it goes into Reason: SIP
	Q850   int    // ISDN cause for Reason: Q.850 (RFC 3326); 0: none
	Reason string // phrase of the response and text of the Reason header
}
