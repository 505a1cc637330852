package call_test

import (
	"context"
	"fmt"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/call"
	"offhook/resource"
	"offhook/sip"
)

// announcer calls with a session of its own making; what happens is nothing to
// it but the end.
type announcer struct{ over chan struct{} }

func (announcer) Progress(int, []byte)                  {}
func (announcer) Answered([]byte)                       {}
func (announcer) Offered([]byte) ([]byte, int)          { return nil, 488 }
func (announcer) Request(*sipmsg.Request) (int, string) { return 200, "" }
func (a announcer) Ended(sip.End)                       { close(a.over) }

// A call that begins with sound one way, as an announcement does, is not on
// hold; one that becomes so is.
func TestOneWayFromTheStartIsNoHold(t *testing.T) {
	b := newBench(t, func(ctx context.Context, c *call.Call, _ call.Script) {
		if err := c.Answer(ctx); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
	})
	b.number("speaker", "menu")
	stack, err := sip.New(sip.Config{Listen: []string{"udp://127.0.0.1:0"}, Handler: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stack.Shutdown(context.Background())
	offer := func(version int, direction string) []byte {
		return fmt.Appendf(nil, "v=0\r\no=a 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=%s\r\n", version, direction)
	}
	to := sipmsg.Uri{Scheme: "sip", User: "speaker", Host: b.addr.Addr().String(), Port: int(b.addr.Port())}
	a := announcer{make(chan struct{})}
	d, err := stack.Invite(t.Context(), sip.InviteOptions{To: to, From: "+1555", Offer: offer(1, "sendonly")}, a)
	if err != nil {
		t.Fatal(err)
	}
	if row := b.awaitCall("call_progressing", func(resource.Call) bool { return true }); row.Hold {
		t.Error("a call that begins one way shows as held")
	}
	for version, direction := range []string{"sendrecv", "sendonly"} {
		if _, err := d.Reoffer(t.Context(), offer(version+2, direction)); err != nil {
			t.Fatal(err)
		}
	}
	b.awaitCall("call_updated", func(r resource.Call) bool { return r.Hold })
	if err := d.Hangup(sip.Cause{}); err != nil {
		t.Error(err)
	}
	wait(t, "the end", a.over)
}

// nobody takes no calls.
type nobody struct{}

func (nobody) Invite(d *sip.Dialog) { _ = d.Reject(480, "") }

func (nobody) Request(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	_ = tx.Respond(sipmsg.NewResponseFromRequest(req, 200, "OK", nil))
}
