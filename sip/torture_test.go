package sip

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Every RFC 4475 message gets from a whole stack the answer that the table in
// testdata/rfc4475 has for it, at the address where its sender listens.
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
	}
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
	status, err := strconv.Atoi(answer)
	switch {
	case name == "insuf": // nobody to send the 400 to
	case err != nil:
		for _, a := range answers {
			if answer != "pass" || strings.HasPrefix(a, "SIP/2.0 400") {
				t.Errorf("answered %q, want %s", a, answer)
			}
		}
	case len(answers) != 1 || !strings.HasPrefix(answers[0], "SIP/2.0 "+strconv.Itoa(status)+" "):
		t.Errorf("answered %q, want %d", answers, status)
	}
}
