package call_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"offhook/call"
	"offhook/resource"
)

// slowToHear is a phone that picks up at the moment at which the caller gives it
// up: its 200 is on the way when it reads the CANCEL.
type slowToHear struct {
	*testing.T
	conn net.PacketConn
}

// read waits for a request with a method.
func (p *slowToHear) read(method string) (text string, from net.Addr) {
	p.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		p.Fatal(err)
	}
	buf := make([]byte, 8192)
	for {
		n, from, err := p.conn.ReadFrom(buf)
		if err != nil {
			p.Fatalf("no %s: %v", method, err)
		}
		if text := string(buf[:n]); strings.HasPrefix(text, method+" ") {
			return text, from
		}
	}
}

// respond answers a request.
func (p *slowToHear) respond(request string, to net.Addr, status string) {
	p.Helper()
	var b strings.Builder
	b.WriteString("SIP/2.0 " + status + "\r\n")
	for _, line := range strings.Split(request, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "to":
			b.WriteString(line + ";tag=phone\r\n")
		case "via", "from", "call-id", "cseq":
			b.WriteString(line + "\r\n")
		}
	}
	fmt.Fprintf(&b, "Contact: <sip:phone@%s>\r\n", p.conn.LocalAddr())
	sdp := ""
	if strings.HasPrefix(status, "200") && strings.HasPrefix(request, "INVITE") {
		sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(sdp), sdp)
	if _, err := p.conn.WriteTo([]byte(b.String()), to); err != nil {
		p.Error(err)
	}
}

// TestAnswerThatCrossesCancel holds that a durable call whose answer crosses our
// CANCEL is acknowledged, hung up and known to have been answered: a campaign must
// not dial that person again. One that is refused was not answered.
func TestAnswerThatCrossesCancel(t *testing.T) {
	for _, crosses := range []bool{true, false} {
		t.Run(fmt.Sprint(crosses), func(t *testing.T) {
			conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			p := &slowToHear{t, conn}
			b := newBench(t, nil)
			calls, _, err := b.x.Dial(t.Context(), call.DialOptions{
				CustomerID: customer, CallID: resource.NewID(), Durable: true,
				Destinations: []resource.Address{{Type: resource.TypeSIP, Target: "phone@" + conn.LocalAddr().String()}},
			})
			if err != nil {
				t.Fatal(err)
			}
			invite, caller := p.read("INVITE")
			p.respond(invite, caller, "180 Ringing")
			b.awaitCall("call_ringing", func(resource.Call) bool { return true })
			calls[0].Hangup(call.CauseOf(call.ReasonDialout))
			p.read("CANCEL")
			if crosses {
				p.respond(invite, caller, "200 OK")
				p.read("ACK")
				bye, _ := p.read("BYE")
				p.respond(bye, caller, "200 OK")
			} else {
				p.respond(invite, caller, "487 Request Terminated")
				p.read("ACK")
			}
			wait(t, "end", calls[0].Done())
			if row := calls[0].Snapshot(); (row.TMProgressing != nil) != crosses || row.HangupReason != call.ReasonDialout {
				t.Errorf("answered at %v, ended by %s", row.TMProgressing, row.HangupReason)
			}
		})
	}
}
