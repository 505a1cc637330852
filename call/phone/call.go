package phone

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/call/medium"
	"offhook/media"
	"offhook/sip"
	"offhook/sip/sdp"
)

// Call is one call of a phone. It implements sip.DialogHandler.
type Call struct {
	phone *Phone
	port  *media.Port
	sdp   *sdp.Agent

	description []byte // our answer, inbound
	bound       chan struct{}
	dialog      *sip.Dialog
	progress    chan int
	answered    chan struct{}
	up          sync.Once
	done        chan struct{}
	end         sip.End
	keys        chan byte
	referred    atomic.Pointer[func(status int)]
}

func (c *Call) bind(d *sip.Dialog) {
	c.dialog = d
	close(c.bound)
}

func (c *Call) close() {
	c.port.Close()
	c.phone.mu.Lock()
	delete(c.phone.calls, c)
	c.phone.mu.Unlock()
}

func (c *Call) apply(m sdp.Media) error {
	p, ok := medium.Params(m)
	if !ok {
		return fmt.Errorf("no codec %s", m.Codec.Name)
	}
	return c.port.Configure(p)
}

func (c *Call) takeOffer(offer []byte) ([]byte, error) {
	answer, m, err := c.sdp.Answer(offer, sdp.SendRecv)
	if err != nil {
		return nil, err
	}
	return answer, c.apply(m)
}

func (c *Call) takeAnswer(answer []byte) error {
	m, err := c.sdp.Accept(answer)
	if err != nil {
		return err
	}
	return c.apply(m)
}

// From is the user part of who calls.
func (c *Call) From() string { return c.dialog.Invite().From().Address.User }

// Dialog is the SIP dialog.
func (c *Call) Dialog() *sip.Dialog { <-c.bound; return c.dialog }

// Port is the call's sound.
func (c *Call) Port() *media.Port { return c.port }

// Ringing delivers each provisional status of a call out.
func (c *Call) Ringing() <-chan int { return c.progress }

// UpSignal is closed when the call is answered.
func (c *Call) UpSignal() <-chan struct{} { return c.answered }

// Done is closed when the call is over.
func (c *Call) Done() <-chan struct{} { return c.done }

// End says how it ended; valid after Done.
func (c *Call) End() sip.End { return c.end }

// Keys delivers the keys that the other side pressed.
func (c *Call) Keys() <-chan byte { return c.keys }

// Ring sends 180.
func (c *Call) Ring() error { return c.dialog.Provisional(180, "", nil) }

// EarlyMedia sends 183 with our session description.
func (c *Call) EarlyMedia() error { return c.dialog.Provisional(183, "", c.description) }

// Answer answers a call to the phone.
func (c *Call) Answer() error {
	err := c.dialog.Answer(c.description)
	if err == nil {
		c.up.Do(func() { close(c.answered) })
	}
	return err
}

// Reject refuses a call to the phone.
func (c *Call) Reject(status int) error { return c.dialog.Reject(status, "") }

// Hangup ends the call, whatever its state.
func (c *Call) Hangup() { <-c.bound; _ = c.dialog.Hangup(sip.Cause{}) }

// Play plays to the other side.
func (c *Call) Play(src media.Source) *media.Playback { return c.port.Play(src) }

// SendDigits presses keys, 120 ms each, and waits until they are through.
func (c *Call) SendDigits(ctx context.Context, digits string) error {
	select {
	case <-c.port.SendDigits(digits, 120*time.Millisecond, 80*time.Millisecond).Done():
		return nil
	case <-c.done:
		return fmt.Errorf("the call ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hold puts the other side on hold by a re-INVITE, or takes it back.
func (c *Call) Hold(ctx context.Context, on bool) error {
	dir := sdp.SendRecv
	if on {
		dir = sdp.SendOnly
	}
	answer, err := c.Dialog().Reoffer(ctx, c.sdp.Offer(dir))
	if err != nil {
		return err
	}
	return c.takeAnswer(answer)
}

// Refer asks the other side to call somebody else; told hears how that goes.
func (c *Call) Refer(ctx context.Context, target, replaces string, told func(status int)) error {
	c.referred.Store(&told)
	return c.Dialog().Refer(ctx, target, replaces)
}

// Progress implements sip.DialogHandler.
func (c *Call) Progress(status int, body []byte) {
	if len(body) > 0 {
		_ = c.takeAnswer(body)
	}
	select {
	case c.progress <- status:
	default:
	}
}

// Answered implements sip.DialogHandler.
func (c *Call) Answered(body []byte) {
	if len(body) > 0 {
		_ = c.takeAnswer(body)
	}
	c.up.Do(func() { close(c.answered) })
}

// Offered implements sip.DialogHandler.
func (c *Call) Offered(body []byte) ([]byte, int) {
	if len(body) == 0 {
		return c.sdp.Offer(sdp.SendRecv), 200
	}
	answer, err := c.takeOffer(body)
	if err != nil {
		return nil, 488
	}
	return answer, 200
}

// Request implements sip.DialogHandler.
func (c *Call) Request(req *sipmsg.Request) (int, string) {
	if told := c.referred.Load(); req.Method == sipmsg.NOTIFY && told != nil {
		var status int
		if _, err := fmt.Sscanf(string(req.Body()), "SIP/2.0 %d", &status); err == nil {
			(*told)(status)
		}
	}
	return 200, ""
}

// Ended implements sip.DialogHandler.
func (c *Call) Ended(e sip.End) {
	c.end = e
	c.close()
	close(c.done)
}

// LocalRTP is where the phone receives sound.
func (c *Call) LocalRTP() netip.AddrPort { return c.port.LocalAddr() }

// Phone is whose call it is.
func (c *Call) Phone() *Phone { return c.phone }

// Renegotiate offers other codecs by a re-INVITE and goes on with what is agreed.
func (c *Call) Renegotiate(ctx context.Context, codecs ...string) error {
	c.sdp.SetCodecs(medium.Codecs(codecs))
	answer, err := c.Dialog().Reoffer(ctx, c.sdp.Offer(sdp.SendRecv))
	if err != nil {
		return err
	}
	return c.takeAnswer(answer)
}
