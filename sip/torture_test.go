package sip

import (
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Every RFC 4475 message gets from a whole stack the answer that the table in
// testdata/rfc4475 has for it, at the address where its sender listens, or on
// its connection.
func TestTorture(t *testing.T) {
	const folder = "../testdata/rfc4475/"
	table, err := os.ReadFile(folder + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.Contains(cells[2], ".") {
			continue
		}
		name, answer := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[3])
		data, err := os.ReadFile(folder + name + ".dat")
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { torture(t, name, answer, data) })
		})
		if other, ok := onStream[name]; ok {
			answer = other
		}
		t.Run(name+"/tcp", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tortureOnStream(t, name, answer, data) })
		})
	}
}

// onStream is what is different on a stream: there the Content-Length says where
// a message ends.
var onStream = map[string]string{
	"clerr":  "drop", // the rest may yet come
	"dblreq": "404",  // of the second request, after the first has passed
}

func tortureOnStream(t *testing.T, name, answer string, data []byte) {
	l := newLadder()
	bob := l.party(t, bobIP)
	conn, err := l.Host(aliceIP).Dial(t.Context(), bobIP.String()+":5060")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	synctest.Wait()
	select {
	case d := <-bob.inbound:
		d.Reject(404, "")
	default:
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	sent, _ := io.ReadAll(conn) // up to the deadline, or the end of the connection
	var answers []string
	for line := range strings.Lines(string(sent)) {
		if strings.HasPrefix(line, "SIP/2.0 ") && !strings.HasPrefix(line, "SIP/2.0 1") {
			answers = append(answers, line)
		}
	}
	judge(t, name, answer, answers)
	settle(t, bob)
}

func torture(t *testing.T, name, answer string, data []byte) {
	l := newLadder()
	var answers []string
	l.Observe = func(d Delivery, _ bool) {
		if d.From.Addr() == bobIP {
			first, _, _ := strings.Cut(string(d.Data), "\r\n")
			answers = append(answers, first)
		}
	}
	bob := l.party(t, bobIP)
	conn, err := l.Host(aliceIP).ListenPacket(t.Context(), "0.0.0.0:5060")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.WriteToUDPAddrPort(data, netip.AddrPortFrom(bobIP, 5060)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	synctest.Wait()
	select {
	case d := <-bob.inbound:
		d.Reject(404, "")
	default:
	}
	settle(t, bob)
	judge(t, name, answer, answers)
}

// judge compares the first lines of what was answered with what the table says.
func judge(t *testing.T, name, answer string, answers []string) {
	t.Helper()
	status, err := strconv.Atoi(answer)
	switch {
	case name == "insuf": // nobody to send the 400 to
	case answer == "pass" && len(answers) == 0:
		t.Error("not answered")
	case err != nil:
		for _, a := range answers {
			if answer != "pass" || strings.HasPrefix(a, "SIP/2.0 400") {
				t.Errorf("answered %q, want %s", a, answer)
			}
		}
	case name == "dblreq" && len(answers) == 2 && strings.HasPrefix(answers[1], "SIP/2.0 "+answer):
	case len(answers) != 1 || !strings.HasPrefix(answers[0], "SIP/2.0 "+strconv.Itoa(status)+" "):
		t.Errorf("answered %q, want %d", answers, status)
	}
}
