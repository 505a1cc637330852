package call_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// What is asked outside a call: whether we are there, and what is not done here
// (RFC 3261 8.2.1, 11.2). Both answers say what is.
func TestRequestsOutsideCalls(t *testing.T) {
	b := newBench(t, nil)
	conn, err := net.Dial("udp", b.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct{ method, want string }{
		{"OPTIONS", "SIP/2.0 200 OK"}, {"SUBSCRIBE", "SIP/2.0 405 Method Not Allowed"}, {"MESSAGE", "SIP/2.0 405 Method Not Allowed"}, {"FOO", "SIP/2.0 405 Method Not Allowed"},
	} {
		fmt.Fprintf(conn, "%[1]s sip:1001@%[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bK%[4]d;rport\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:1001@%[2]s>\r\n"+
			"Call-ID: outside-%[4]d\r\nCSeq: 1 %[1]s\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", test.method, b.addr, conn.LocalAddr(), i)
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%s: %v", test.method, err)
		}
		got := string(buf[:n])
		if !strings.HasPrefix(got, test.want+"\r\n") || !strings.Contains(got, "\r\nAllow: INVITE, ACK, ") || !strings.Contains(got, "\r\nSupported: 100rel, timer, replaces\r\n") {
			t.Errorf("%s: answered\n%s", test.method, got)
		}
	}
}

// A scanner that does not say so: it tries users and numbers, and does not care
// for the challenges. Whoever answers them is not taken for one.
func TestUnansweredChallenges(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	from, err := net.ResolveUDPAddr("udp", "127.0.0.71:0")
	if err != nil {
		t.Fatal(err)
	}
	to := net.UDPAddrFromAddrPort(b.addr)
	conn, err := net.DialUDP("udp", from, to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range 20 {
		method := []string{"INVITE", "REGISTER"}[i%2]
		fmt.Fprintf(conn, "%[1]s sip:1%03[4]d@%[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bKs%[4]d;rport\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:1%03[4]d@%[2]s>\r\n"+
			"Call-ID: scan-%[4]d\r\nCSeq: 1 %[1]s\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", method, b.addr, conn.LocalAddr(), i)
	}
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for b.x.Guarded().Ignored != 1 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not ignored: %+v", b.x.Guarded())
		}
	}
}
