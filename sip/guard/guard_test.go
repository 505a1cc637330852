package guard

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
)

var (
	villain = netip.MustParseAddrPort("203.0.113.66:5071")
	other   = netip.MustParseAddrPort("203.0.113.67:5060")
)

func newGuard(o Options) *Guard {
	o.Logger = slog.New(slog.DiscardHandler)
	return New(o)
}

func times(n int, f func()) {
	for range n {
		f()
	}
}

func TestFirstSlowThenIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(Options{})
		var delays []time.Duration
		faults := 0
		for g.Allow(villain) && faults < 100 {
			g.Fault(villain, BadDigest)
			faults++
			delays = append(delays, g.Delay(villain))
		}
		if faults != 31 {
			t.Errorf("ignored after %d faults", faults)
		}
		want := []time.Duration{0, 0, 0, 0, 0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second}
		if diff := cmp.Diff(want, delays[:len(want)]); diff != "" {
			t.Error(diff)
		}
		if !g.Allow(other) || g.Delay(other) != 0 {
			t.Error("another source suffers")
		}
		if g.Allow(netip.AddrPortFrom(villain.Addr(), 9)) {
			t.Error("another port of the source passes")
		}
		time.Sleep(10*time.Minute - time.Millisecond)
		if g.Allow(villain) {
			t.Error("forgiven too early")
		}
		time.Sleep(time.Millisecond)
		if !g.Allow(villain) || g.Delay(villain) != 0 {
			t.Error("not forgiven")
		}
		if s := g.Snapshot(); s.Ignored != 0 || s.Dropped != 3 || s.Faults["bad_digest"] != 31 {
			t.Errorf("snapshot %+v", s)
		}
	})
}

func TestSecondTimeIsLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(Options{MaxIgnore: 25 * time.Minute})
		for _, want := range []time.Duration{10 * time.Minute, 20 * time.Minute, 25 * time.Minute, 25 * time.Minute} {
			times(4, func() { g.Fault(villain, Scanner) })
			start := time.Now()
			for !g.Allow(villain) {
				time.Sleep(time.Minute)
			}
			if got := time.Since(start); got != want {
				t.Errorf("ignored for %v, want %v", got, want)
			}
		}
	})
}

func TestIgnoredAgainWithoutComingBackBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(Options{})
		times(4, func() { g.Fault(villain, Scanner) })
		time.Sleep(time.Hour)
		times(4, func() { g.Fault(villain, Scanner) }) // found over another transport
		if g.Allow(villain) {
			t.Error("not ignored a second time")
		}
	})
}

func TestForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(Options{})
		// One wrong password a minute, as a phone with an old one: for ever.
		times(1000, func() {
			g.Fault(villain, BadDigest)
			if !g.Allow(villain) || g.Delay(villain) != 0 {
				t.Fatal("a patient phone is punished")
			}
			time.Sleep(time.Minute)
		})
		times(20, func() { g.Fault(villain, BadDigest) })
		if g.Delay(villain) == 0 {
			t.Error("not slowed")
		}
		if s := g.Snapshot(); s.Slowed != 1 {
			t.Errorf("snapshot %+v", s)
		}
		g.Good(villain)
		if g.Delay(villain) != 0 || g.Snapshot().Sources != 0 {
			t.Error("a right password is not rewarded")
		}
	})
}

func TestTrustIsNeverPunished(t *testing.T) {
	trusted := false
	g := newGuard(Options{Trust: func(a netip.Addr) bool { return trusted && a == villain.Addr() }})
	times(10, func() { g.Fault(villain, Scanner) })
	if g.Allow(villain) {
		t.Fatal("not ignored")
	}
	trusted = true // it has registered, or became a trunk
	if !g.Allow(villain) || g.Delay(villain) != 0 {
		t.Error("a trusted source is punished")
	}
	mapped := netip.AddrPortFrom(netip.MustParseAddr("::ffff:203.0.113.66"), 1)
	if !g.Allow(mapped) || g.Delay(mapped) != 0 {
		t.Error("a trusted source is punished under its mapped address")
	}
}

func TestIPv6CountsByNetwork(t *testing.T) {
	g := newGuard(Options{})
	at := func(s string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(s), 5060) }
	times(5, func() { g.Fault(at("2001:db8::1"), Scanner) })
	if g.Allow(at("2001:db8::ffff")) {
		t.Error("a neighbour address in the same network passes")
	}
	if !g.Allow(at("2001:db8:0:1::1")) {
		t.Error("another network is ignored")
	}
	if diff := cmp.Diff([]string{"2001:db8::"}, names(g.Ignored())); diff != "" {
		t.Error(diff)
	}
}

func names(addrs []netip.Addr) []string {
	var out []string
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return out
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(Options{MaxSources: 100})
		times(4, func() { g.Fault(villain, Scanner) })
		for i := range 1000 {
			g.Fault(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1), UnknownUser)
		}
		s := g.Snapshot()
		if s.Sources != 100 || s.Evicted != 901 {
			t.Errorf("snapshot %+v", s)
		}
		if g.Allow(villain) {
			t.Error("a flood of addresses frees the villain")
		}
		time.Sleep(time.Hour)
		g.Allow(villain)
		g.Fault(other, BadDigest)
		if s := g.Snapshot(); s.Sources != 2 {
			t.Errorf("%d sources after an hour of peace, want the villain's record and the new one", s.Sources)
		}
	})
}

func TestUnknownKindAndSource(t *testing.T) {
	g := newGuard(Options{})
	g.Fault(villain, Kind(99))
	g.Fault(netip.AddrPort{}, BadDigest)
	if s := g.Snapshot(); s.Sources != 0 {
		t.Errorf("snapshot %+v", s)
	}
	if Kind(99).String() != "other" {
		t.Error("an unknown kind has a name")
	}
}

func TestConcurrentUse(t *testing.T) {
	g := newGuard(Options{MaxSources: 10})
	done := make(chan struct{})
	for i := range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for j := range 500 {
				src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), byte(j % 7)}), 1)
				g.Fault(src, Kind(j%int(kinds)))
				g.Allow(src)
				g.Delay(src)
				if j%50 == 0 {
					g.Good(src)
					g.Snapshot()
				}
			}
		}()
	}
	times(4, func() { <-done })
	s := g.Snapshot()
	var sum uint64
	for _, n := range s.Faults {
		sum += n
	}
	if sum != 2000 || s.Sources > 10 || int64(s.Ignored) != g.ignored.Load() {
		t.Errorf("snapshot %+v, ignored counter %d", s, g.ignored.Load())
	}
}

func TestIsScanner(t *testing.T) {
	tests := []struct {
		from, agent string
		want        bool
	}{
		{"<sip:100@1.1.1.1>;tag=x", "friendly-scanner", true},
		{`"sipvicious"<sip:100@1.1.1.1>;tag=x`, "", true},
		{"<sip:100@1.1.1.1>;tag=x", "VaxSIPUserAgent/3.1", true},
		{"<sip:alice@1.1.1.1>;tag=x", "Linphone/5.2", false},
		{"<sip:alice@1.1.1.1>;tag=x", "", false},
	}
	for _, test := range tests {
		lines := []string{
			"OPTIONS sip:100@192.0.2.1 SIP/2.0", "Via: SIP/2.0/UDP 203.0.113.66;branch=z9hG4bK1",
			"From: " + test.from, "To: <sip:100@192.0.2.1>", "Call-ID: 1", "CSeq: 1 OPTIONS",
		}
		if test.agent != "" {
			lines = append(lines, "User-Agent: "+test.agent)
		}
		m, err := sipmsg.ParseMessage([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := IsScanner(m.(*sipmsg.Request)); got != test.want {
			t.Errorf("%s %s: %v", test.from, test.agent, got)
		}
	}
}

func BenchmarkAllow(b *testing.B) {
	g := newGuard(Options{})
	times(4, func() { g.Fault(villain, Scanner) })
	b.ReportAllocs()
	for b.Loop() {
		g.Allow(other)
	}
}
