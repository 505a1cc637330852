package call

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/call/medium"
	"offhook/media"
	"offhook/resource"
	"offhook/sip"
	"offhook/sip/sdp"
)

// Leg is one SIP dialog with its media port. Its methods that sip calls run on
// the dialog's queue, one at a time.
type Leg struct {
	call *Call
	port *media.Port
	sdp  *sdp.Agent

	mu       sync.Mutex
	dialog   *sip.Dialog
	medium   sdp.Media // as negotiated last
	early    bool      // sound flows before the answer
	digitsBy string    // rtp, info or inband: the way the first key came
	offered  bool      // an offer of ours waits for its answer in an ACK
	answer   []byte    // our answer to the offer of an inbound INVITE
}

// newLeg opens a port for a dialog with peer. The port is closed by close.
func (x *Exchange) newLeg(c *Call, peer netip.Addr, codecs []string) (*Leg, error) {
	port, err := x.cfg.Media.Open(media.PortOptions{Name: c.ID()})
	if err != nil {
		return nil, fmt.Errorf("open a media port: %w", err)
	}
	if len(codecs) == 0 {
		codecs = x.cfg.Codecs
	}
	l := &Leg{call: c, port: port}
	l.sdp = sdp.NewAgent(sdp.Local{
		Addr:           netip.AddrPortFrom(x.advertise(peer), port.LocalAddr().Port()),
		Codecs:         medium.Codecs(codecs),
		TelephoneEvent: true,
		Ptime:          20 * time.Millisecond,
		SessionName:    "offhook",
	})
	port.OnDigit(func(d media.Digit) {
		by := "rtp"
		if d.Inband {
			by = "inband"
		}
		x.pressed(l, by, Keypress{Key: d.Key, Duration: d.Duration})
	})
	port.OnTimeout(func() { go c.Hangup(CauseOf(ReasonMediaLost)) })
	return l, nil
}

// close gives the port back. The dialog must have ended or be about to.
func (l *Leg) close() { l.port.Close() }

// accept makes a negotiated medium what the port does.
func (l *Leg) accept(m sdp.Media) error {
	p, ok := medium.Params(m)
	if !ok {
		return fmt.Errorf("%w: codec %s", sdp.ErrNotAcceptable, m.Codec.Name)
	}
	if err := l.port.Configure(p); err != nil {
		return err
	}
	l.mu.Lock()
	before := l.medium
	l.medium = m
	l.mu.Unlock()
	// A session that begins one way is no hold: somebody announces something.
	if before.Codec.Name != "" && before.Held != m.Held {
		l.call.heldByParty(m.Held)
	}
	return nil
}

// takeOffer answers the peer's offer and applies it.
func (l *Leg) takeOffer(offer []byte) ([]byte, error) {
	answer, m, err := l.sdp.Answer(offer, sdp.SendRecv)
	if err != nil {
		return nil, err
	}
	return answer, l.accept(m)
}

// takeAnswer applies the peer's answer to our offer.
func (l *Leg) takeAnswer(answer []byte) error {
	m, err := l.sdp.Accept(answer)
	if err != nil {
		return err
	}
	return l.accept(m)
}

// description is the session description that answers an inbound INVITE: our
// answer to its offer, or an offer when it brought none.
func (l *Leg) description() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answer == nil {
		l.offered = true
		l.answer = l.sdp.Offer(sdp.SendRecv)
	}
	return l.answer
}

// sampleRate is the rate of what the negotiated codec carries, in Hz.
func (l *Leg) sampleRate() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := medium.Params(l.medium); ok {
		return p.Format.SampleRate
	}
	return 8000
}

// hearsInput reports whether a key that came by some way counts. The first
// way that a peer uses is its way: a phone that sends RFC 4733 and INFO, or
// tones besides, presses each key once.
func (l *Leg) hearsInput(by string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.digitsBy == "" {
		l.digitsBy = by
	}
	return l.digitsBy == by
}

// Progress implements sip.DialogHandler: a provisional response came.
func (l *Leg) Progress(status int, body []byte) {
	if status < 180 {
		return
	}
	if len(body) > 0 {
		if err := l.takeAnswer(body); err != nil {
			l.call.log().Warn("early media refused", "error", err)
		} else {
			l.call.heardEarly(l)
		}
	}
	l.call.rang(l)
}

// Answered implements sip.DialogHandler: the peer answered, or the ACK of a
// late offer brought its answer.
func (l *Leg) Answered(body []byte) {
	l.mu.Lock()
	ours := l.offered || l.call.row.Direction == resource.DirectionOutgoing
	l.offered = false
	l.mu.Unlock()
	if ours && len(body) > 0 {
		if err := l.takeAnswer(body); err != nil {
			l.call.log().Warn("answer refused", "error", err)
			c := CauseOf(ReasonFailed)
			c.Detail = err.Error()
			l.call.Hangup(c)
			return
		}
	}
	l.call.pickedUp(l)
}

// Offered implements sip.DialogHandler: the peer wants to change the session
// (RFC 3264 section 8), or asks for an offer.
func (l *Leg) Offered(body []byte) ([]byte, int) {
	if len(body) == 0 {
		l.mu.Lock()
		l.offered = true
		l.mu.Unlock()
		return l.sdp.Offer(sdp.SendRecv), 200
	}
	answer, err := l.takeOffer(body)
	if err != nil {
		l.call.log().Info("offer refused", "error", err)
		return nil, 488
	}
	return answer, 200
}

// Request implements sip.DialogHandler: INFO carries keys, REFER asks for a
// transfer.
func (l *Leg) Request(req *sipmsg.Request) (int, string) {
	switch req.Method {
	case sipmsg.INFO:
		if k, ok := keyOfInfo(req); ok {
			l.call.x.pressed(l, "info", k)
		}
		return 200, "OK"
	case sipmsg.REFER:
		return l.call.refer(req)
	case sipmsg.MESSAGE, sipmsg.NOTIFY:
		return 200, "OK"
	}
	return 405, "Method Not Allowed"
}

// Ended implements sip.DialogHandler: the dialog is over.
func (l *Leg) Ended(e sip.End) { l.call.legEnded(l, e) }

// keyOfInfo reads a key out of an INFO body: application/dtmf-relay
// ("Signal=5", "Duration=160") or application/dtmf ("5").
func keyOfInfo(req *sipmsg.Request) (Keypress, bool) {
	ct := ""
	if h := req.ContentType(); h != nil {
		ct = strings.ToLower(h.Value())
	}
	k := Keypress{Duration: 100 * time.Millisecond}
	signal := ""
	switch {
	case strings.HasPrefix(ct, "application/dtmf-relay"):
		for line := range bytes.Lines(req.Body()) {
			name, value, _ := strings.Cut(string(line), "=")
			value = strings.TrimSpace(value)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "signal":
				signal = value
			case "duration":
				if ms, err := strconv.Atoi(value); err == nil && ms > 0 && ms < 60000 {
					k.Duration = time.Duration(ms) * time.Millisecond
				}
			}
		}
	case strings.HasPrefix(ct, "application/dtmf"):
		signal = strings.TrimSpace(string(req.Body()))
	}
	switch signal {
	case "10":
		signal = "*"
	case "11":
		signal = "#"
	}
	if len(signal) != 1 || !strings.Contains("0123456789*#ABCD", strings.ToUpper(signal)) {
		return k, false
	}
	k.Key = strings.ToUpper(signal)[0]
	return k, true
}
