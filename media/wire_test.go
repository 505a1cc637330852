package media

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// received is a Receiver that passes packets on to a channel.
type received chan string

func (r received) Receive(packet []byte, _ netip.AddrPort) { r <- string(packet) }

func wires() map[string]Wire {
	return map[string]Wire{"default": defaultWire(), "udp": NewUDPWire(), "memory": NewMemoryWire()}
}

func TestWires(t *testing.T) {
	for name, w := range wires() {
		for _, ip := range []string{"127.0.0.1", "::1"} {
			t.Run(name+" "+ip, func(t *testing.T) { testWire(t, w, netip.MustParseAddr(ip)) })
		}
	}
}

func testWire(t *testing.T, w Wire, ip netip.Addr) {
	listen := func(port uint16) Conn {
		c, err := w.Listen(netip.AddrPortFrom(ip, port))
		if err != nil {
			t.Skipf("no socket at %s: %v", ip, err)
		}
		return c
	}
	a, b := listen(41000), listen(41002)
	if _, err := w.Listen(a.LocalAddr()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second bind: %v", err)
	}
	first, second := newSet(t, w), newSet(t, w)
	got := make(received, 100)
	if err := first.Add(b, got); err != nil {
		t.Fatal(err)
	}
	send := func(text string) {
		if err := a.WriteTo([]byte(text), b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(s Set, want string) {
		t.Helper()
		for range 100 {
			if s.Poll(50*time.Millisecond, 0); len(got) > 0 {
				break
			}
		}
		if len(got) == 0 {
			t.Fatalf("%q did not come", want)
		}
		if text := <-got; text != want {
			t.Errorf("got %q, want %q", text, want)
		}
	}
	send("one")
	expect(first, "one")
	first.Remove(b)
	send("two") // waits while the socket moves
	first.Poll(0, 0)
	if err := second.Add(b, got); err != nil {
		t.Fatal(err)
	}
	expect(second, "two")
	second.Wake()
	second.Poll(time.Hour, 0) // returns at once
	second.Remove(b)
	if err := errors.Join(a.Close(), b.Close(), first.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	if c := listen(41002); c.Close() != nil {
		t.Error("cannot close again")
	}
}

func newSet(t *testing.T, w Wire) Set {
	t.Helper()
	s, err := w.NewSet()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPortPool(t *testing.T) {
	w := NewMemoryWire()
	config := Config{Wire: w, MinPort: 4001, MaxPort: 4010, Quiet: time.Hour, BindIP: netip.MustParseAddr("127.0.0.1")}
	e, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := w.Listen(netip.MustParseAddrPort("127.0.0.1:4005")) // an RTCP port: its pair is unusable
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint16]bool{}
	var last *Port
	for {
		p, err := e.Open(PortOptions{})
		if err != nil {
			if !errors.Is(err, ErrNoPorts) {
				t.Errorf("open: %v", err)
			}
			break
		}
		port := p.LocalAddr().Port()
		if port%2 != 0 || seen[port] {
			t.Errorf("port %d", port)
		}
		seen[port], last = true, p
	}
	if len(seen) != 3 || e.Ports() != 3 || seen[4004] {
		t.Errorf("ports %v", seen)
	}
	last.Close()
	<-last.gone
	if _, err := e.Open(PortOptions{}); !errors.Is(err, ErrNoPorts) {
		t.Errorf("a port that rests was opened: %v", err)
	}
	if err := errors.Join(taken.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	if _, err := e.Open(PortOptions{}); !errors.Is(err, ErrClosed) && !errors.Is(err, ErrNoPorts) {
		t.Errorf("open after close: %v", err)
	}
	for _, bad := range []Config{{MinPort: 10, MaxPort: 10}, {MinPort: 70000, MaxPort: 70010}, {MinPort: 5, MaxPort: 1}} {
		if _, err := New(bad); err == nil {
			t.Errorf("%d-%d accepted", bad.MinPort, bad.MaxPort)
		}
	}
}
