package sip

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/sip/digest"
)

var (
	// ErrState is returned by methods that the dialog's state does not allow,
	// for example Answer after the caller gave up.
	ErrState = errors.New("sip: dialog state does not allow this")
	// ErrEnded is returned by requests of a dialog that ended meanwhile.
	ErrEnded = errors.New("sip: dialog has ended")
)

// Dialog is one INVITE and the dialog that it makes. Its methods may be called
// from any goroutine; those that wait for the peer take a context.
type Dialog struct {
	stack    *Stack
	log      *slog.Logger
	inbound  bool
	callID   string
	localTag string
	queue    queue
	done     chan struct{}

	mu      sync.Mutex // guards what follows; sockets are written under it, so that requests leave in CSeq order
	handler DialogHandler
	state   state
	ended   bool
	end     End

	invite      *sipmsg.Request // the initial INVITE; outbound: its latest attempt
	inviteSeq   uint32
	local       sipmsg.FromHeader // From of our requests
	remote      sipmsg.ToHeader   // To of our requests
	remoteTag   string
	target      sipmsg.Uri   // remote target: where the peer's Contact points
	routes      []sipmsg.Uri // route set in the order of our Route headers
	source      *flow        // where the peer's messages last came from
	pinned      bool         // the peer's Contact is unreachable: requests go to source
	localSeq    uint32
	remoteSeq   uint32
	hasSeq      bool           // remoteSeq is known
	contact     string         // user part of our Contact
	credentials *digest.Client // outbound with a user
	open        int            // client transactions that keep the dialog findable

	in          *inviteServer // inbound: the initial INVITE
	out         *inviteClient // outbound: the initial INVITE
	unconfirmed *unconfirmed  // our 2xx without ACK
	ack         *sentAck      // our latest ACK of a 2xx, to be repeated
	offer       offerState
	session     sessionTimer
	peer        peerAbilities
}

// peerAbilities are what the peer said that it can do.
type peerAbilities struct {
	update, timer, replaces bool
}

// ID names the dialog in logs: Call-ID and local tag.
func (d *Dialog) ID() string { return d.callID + ";" + d.localTag }

// CallID is the Call-ID header's value.
func (d *Dialog) CallID() string { return d.callID }

// LocalTag is our tag.
func (d *Dialog) LocalTag() string { return d.localTag }

// RemoteTag is the peer's tag, empty before an outbound INVITE got its first
// response.
func (d *Dialog) RemoteTag() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.remoteTag
}

// Inbound tells whether the peer sent the INVITE.
func (d *Dialog) Inbound() bool { return d.inbound }

// Invite is the initial INVITE. It must not be changed.
func (d *Dialog) Invite() *sipmsg.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.invite
}

// Source is where the peer's last message came from (outbound, before any
// response: where the INVITE went).
func (d *Dialog) Source() netip.AddrPort {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.source.remote
}

// Transport is UDP, TCP, TLS, WS or WSS.
func (d *Dialog) Transport() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.source.transport
}

// Offer is the session description of the initial INVITE, nil when the offer is
// late.
func (d *Dialog) Offer() []byte { return sdpOf(d.Invite()) }

// Done is closed when the dialog has ended, before Ended is called.
func (d *Dialog) Done() <-chan struct{} { return d.done }

// End tells how the dialog ended; it is zero before Done is closed.
func (d *Dialog) End() End {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.end
}

// SetHandler sets who is told what happens, and lets the queue run. For inbound
// dialogs it must be called before anything is sent; only the first call counts.
func (d *Dialog) SetHandler(h DialogHandler) {
	d.mu.Lock()
	if d.handler == nil {
		d.handler = h
	}
	d.mu.Unlock()
	d.queue.release()
}

// Hangup ends the dialog by whatever its state asks for: a final response, a
// CANCEL (as soon as the peer has answered anything), or a BYE (as soon as our
// 2xx is acknowledged). A 2xx that crosses the CANCEL is acknowledged and hung
// up. It does not wait for the peer; Ended follows at once. Hanging up twice is
// no error.
func (d *Dialog) Hangup(c Cause) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.apply(wantHangup, event{cause: c})
	return nil
}

// event carries what belongs to an input.
type event struct {
	cause   Cause
	end     End              // heardBye, heardCancel, lost…: what to tell
	res     *sipmsg.Response // heardProvisional, heardSuccess, heardFailure
	ack     *sipmsg.Request  // heardAck
	answer  []byte           // wantAnswer
	headers []sipmsg.Header  // wantReject
}

// apply takes one step of the state machine, with mu held. It reports whether
// the input was allowed.
func (d *Dialog) apply(in input, e event) bool {
	t, ok := step(d.state, in)
	if !ok {
		return false
	}
	if t.next != d.state {
		d.log.Debug("sip dialog", "state", d.state.String(), "input", in.String(), "next", t.next.String())
	}
	d.state = t.next
	d.perform(t.do, in, e)
	if d.state == terminated {
		d.payAck(nil)
		d.stopTimers()
		d.maybeForget()
	}
	return true
}

// perform does what a transition asks for, with mu held.
func (d *Dialog) perform(do action, in input, e event) {
	switch do {
	case progress:
		d.progressed(e.res)
	case confirm:
		d.accepted(e.res)
	case crossed:
		d.acknowledgeAndRelease(e.res)
	case fail:
		d.finish(e.end)
	case giveUp:
		d.givenUp(e)
	case cancel:
		d.givenUp(e)
		d.sendCancel()
	case cancelNow:
		d.sendCancel()
	case accept:
		d.sendSuccess(e.answer)
	case acknowledge:
		d.acknowledged(e.ack)
	case refuse:
		d.sendRefusal(e)
	case cancelled, byeEarly:
		d.respondInvite(487, "", nil)
		d.finish(e.end)
	case release:
		d.sendBye(e.cause)
		d.finish(releaseEnd(in, e))
	case releaseLate:
		d.in.cause = e.cause
		d.finish(localEnd(200, e.cause))
	case byeNow:
		d.stopUnconfirmed()
		d.sendBye(d.in.cause)
	case released:
		d.finish(e.end)
	case over:
		if d.out != nil {
			d.finish(d.out.end)
		}
	}
}

func localEnd(status int, c Cause) End {
	return End{Local: true, Status: status, Q850: c.Q850, Reason: c.Reason}
}

// cancelEnd is what the handler learns when we give up a call: 487, or why when
// it was not the application's wish.
func cancelEnd(e event) End {
	if e.end.Status != 0 {
		return e.end
	}
	return localEnd(487, e.cause)
}

// givenUp tells the handler that the call is over, unless it is to know of an
// answer that is on its way: then what the INVITE is answered decides. mu is held.
func (d *Dialog) givenUp(e event) {
	d.out.cause, d.out.end = e.cause, cancelEnd(e)
	if d.out.opts.Heard == nil {
		d.finish(d.out.end)
	}
}

// releaseEnd is what the handler learns when we send BYE: why, when it was not
// the application's wish.
func releaseEnd(in input, e event) End {
	if in == wantHangup {
		return localEnd(200, e.cause)
	}
	return localEnd(e.end.Status, e.cause)
}

// finish tells the handler, once, that the dialog is over. The protocol may
// still have something to do. mu is held.
func (d *Dialog) finish(e End) {
	if d.ended {
		return
	}
	d.ended = true
	d.end = e
	close(d.done)
	d.refusePending()
	d.offer.wake()
	d.queue.post(func() { d.handler.Ended(e) })
}

// tell queues a call of the handler, with mu held. Nothing follows Ended.
func (d *Dialog) tell(f func(h DialogHandler)) {
	if d.ended {
		return
	}
	d.queue.post(func() { f(d.handler) })
}

// stopTimers leaves no timer behind; mu is held.
func (d *Dialog) stopTimers() {
	d.session.stop()
	d.stopUnconfirmed()
	d.offer.sent.abandon()
	if d.in != nil {
		d.in.stop()
	}
	if d.out != nil {
		d.out.stop()
	}
}

// maybeForget removes the dialog from the stack when nothing of it is open any
// more; mu is held.
func (d *Dialog) maybeForget() {
	if d.state == terminated && d.open == 0 {
		d.stack.forget(d)
	}
}

// after runs f with mu held once t has passed, unless the dialog terminated or
// the timer was stopped.
func (d *Dialog) after(t time.Duration, f func()) *time.Timer {
	return time.AfterFunc(t, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.state != terminated {
			f()
		}
	})
}

func stopTimer(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}
