package sip

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

func TestParseHop(t *testing.T) {
	for in, want := range map[string]hop{
		"192.0.2.1":                      {"UDP", "192.0.2.1", 0},
		"192.0.2.1:5070;transport=tcp":   {"TCP", "192.0.2.1", 5070},
		"carrier.example;transport=TLS":  {"TLS", "carrier.example", 0},
		"[2001:db8::1]:5061":             {"UDP", "2001:db8::1", 5061},
		"sips:carrier.example":           {"TLS", "carrier.example", 0},
		"sip:a@x;maddr=192.0.2.9":        {"UDP", "192.0.2.9", 0},
		"sips:x:443;transport=ws":        {"WSS", "x", 443},
		"10.0.0.1:40001;transport=wss;x": {"WSS", "10.0.0.1", 40001},
	} {
		if got, err := parseHop(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", in, got, err, want)
		}
	}
	if _, err := parseHop(""); err == nil {
		t.Error("an empty hop passes")
	}
}

func TestListenAddresses(t *testing.T) {
	for _, bad := range []string{"0.0.0.0:5060", "sctp://0.0.0.0:5060", "udp://0.0.0.0"} {
		if _, err := New(Config{Listen: []string{bad}, Handler: pickup{}}); err == nil {
			t.Errorf("%s passes", bad)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("no handler passes")
	}
	if _, err := New(Config{Handler: pickup{}, ExternalIP: "here"}); err == nil {
		t.Error("external address passes")
	}
	s, err := New(Config{Listen: []string{"udp://127.0.0.1:0", "tls://127.0.0.1:0"}, Handler: pickup{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err == nil {
		t.Error("TLS without a certificate passes")
	}
}

func TestSystemRoute(t *testing.T) {
	n := &systemNetwork{}
	loopback := netip.MustParseAddr("127.0.0.1")
	for range 2 { // looked up, then remembered
		if got := n.LocalIP(loopback); got != loopback {
			t.Errorf("got %s", got)
		}
	}
}

// Who is reached where, when the Contact in the answer to our INVITE leads
// elsewhere.
func TestRetarget(t *testing.T) {
	const nat, lan = "198.51.100.7:40000", "10.0.0.5:5060"
	tests := []struct {
		name, called, next, contact string
		pinned                      bool
	}{
		{"public Contact", "sip:b@203.0.113.1", "", "sip:b@203.0.113.2", false},
		{"private Contact of a public peer", "sip:b@203.0.113.1", "", "sip:b@192.168.0.2", true},
		{"Contact of nowhere", "sip:b@10.0.0.1", "", "sip:b@0.0.0.0:5060", true},
		{"registered phone behind a NAT", "sip:b@10.9.9.9:5060", lan, "sip:b@10.9.9.9:5060", true},
		{"registered phone that moved", "sip:b@10.9.9.9:5060", lan, "sip:b@10.9.9.8:5060", false},
		{"name", "sip:b@203.0.113.1", "", "sip:b@pbx.example", false},
		{"where it came from", "sip:b@203.0.113.1", nat, "sip:b@198.51.100.7:5060", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var to, contact sipmsg.Uri
			if sipmsg.ParseUri(tt.called, &to) != nil || sipmsg.ParseUri(tt.contact, &contact) != nil {
				t.Fatal("bad URI")
			}
			h := hopOf(&to)
			if tt.next != "" {
				h, _ = parseHop(tt.next)
			}
			remote, _ := h.literal()
			d := &Dialog{source: &flow{remote: remote}, out: &inviteClient{opts: InviteOptions{To: to, NextHop: tt.next}}}
			d.retarget(&contact)
			if d.pinned != tt.pinned || d.target.String() != tt.contact {
				t.Errorf("pinned %t, target %s", d.pinned, d.target.String())
			}
		})
	}
}

func TestDialogTellsItsNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l)
		if out.ID() != out.CallID()+";"+out.LocalTag() || out.RemoteTag() != in.LocalTag() || out.Inbound() || !in.Inbound() {
			t.Errorf("out %s, in %s", out.ID(), in.ID())
		}
		if in.Source().Addr() != aliceIP || out.Source().Addr() != bobIP || in.MaxForwards() != 70 {
			t.Errorf("sources %s, %s; Max-Forwards %d", in.Source(), out.Source(), in.MaxForwards())
		}
		c, err := alice.stack.ContactFor(t.Context(), "me", bobIP.String()+":5060;transport=tcp")
		if err != nil || c.Address.String() != "sip:me@192.0.2.1:5060;transport=tcp" {
			t.Errorf("Contact %v, %v", c, err)
		}
		out.Hangup(Cause{})
		settle(t, alice, bob)
	})
}

// The time to refresh the session falls into an exchange of offers: it waits.
func TestSessionRefreshWaitsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, _, in := established(t, l, sessionExpiring(200*time.Second))
		bob.stack.random = func(int) int { return 100 }
		alice.offered = func([]byte) ([]byte, int) { time.Sleep(500 * time.Millisecond); return []byte("v=x"), 200 }
		time.Sleep(99700 * time.Millisecond)
		reoffer(t, in, "v=y", "v=x")
		time.Sleep(5 * time.Second)
		in.Hangup(Cause{})
		settle(t, alice, bob)
		// The re-INVITE refreshed it already: no UPDATE follows.
		l.check(t, `
			99.700   bob → alice  INVITE sdp
			99.910   alice → bob  100 INVITE
			100.210  alice → bob  200 INVITE sdp
			100.220  bob → alice  ACK
			105.220  bob → alice  BYE
			105.230  alice → bob  200 BYE`)
	})
}
