package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// witness notes how often a handler's dialog ended, and whether anything came
// after that.
type witness struct {
	mu          sync.Mutex
	ended, late int
	rng         *rand.Rand
}

func (w *witness) intN(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

func (w *witness) heard() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late += w.ended
}

func (w *witness) Progress(int, []byte)                  { w.heard() }
func (w *witness) Answered([]byte)                       { w.heard() }
func (w *witness) Request(*sipmsg.Request) (int, string) { w.heard(); return 200, "" }

func (w *witness) Offered([]byte) ([]byte, int) {
	w.heard()
	time.Sleep(time.Duration(w.intN(300)) * time.Millisecond)
	return []byte("v=x"), 200
}

func (w *witness) Ended(End) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late += w.ended
	w.ended++
}

// act does to a dialog what its turn of luck says, and hangs up in the end.
func (w *witness) act(ctx context.Context, d *Dialog) {
	for range 6 {
		time.Sleep(time.Duration(w.intN(1500)) * time.Millisecond)
		switch w.intN(8) {
		case 0:
			_ = d.Provisional(180, "", nil)
		case 1:
			_ = d.Provisional(183, "", []byte("v=early"))
		case 2, 3:
			_ = d.Answer([]byte("v=answer"))
		case 4:
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			_, _ = d.Reoffer(ctx, []byte("v=x"))
			cancel()
		case 5:
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			_ = d.Info(ctx, "text/plain", []byte("x"))
			cancel()
		case 6:
			if w.intN(4) == 0 {
				_ = d.Reject(486, "")
			}
		case 7:
			if w.intN(4) == 0 {
				_ = d.Hangup(Cause{})
			}
		}
	}
	_ = d.Hangup(Cause{})
}

type chaosHandler struct {
	mu   sync.Mutex
	seed *rand.Rand
	seen []*witness
}

func (h *chaosHandler) witness() *witness {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &witness{rng: rand.New(rand.NewPCG(h.seed.Uint64(), 0))}
	h.seen = append(h.seen, w)
	return w
}

func (h *chaosHandler) Invite(d *Dialog) {
	w := h.witness()
	d.SetHandler(w)
	w.act(context.Background(), d)
}

func (h *chaosHandler) Request(*sipmsg.Request, sipmsg.ServerTransaction) {}

// Calls on a network that loses a quarter of everything, with both ends doing
// whatever they may at any moment: each handler hears one end, nothing after
// it, and nothing stays behind.
func TestChaos(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, uint64(seed)) })
		})
	}
}

func chaos(t *testing.T, seed uint64) {
	luck := rand.New(rand.NewPCG(seed, 1))
	network := NewMemoryNetwork()
	network.Delay = 20 * time.Millisecond
	var mu sync.Mutex
	network.Lose = func(Delivery) bool {
		mu.Lock()
		defer mu.Unlock()
		return luck.IntN(4) == 0
	}
	handler := &chaosHandler{seed: rand.New(rand.NewPCG(seed, 2))}
	start := func(ip netip.Addr) *party {
		s, err := New(Config{
			Listen: []string{"udp://0.0.0.0:5060"}, SessionExpires: 90 * time.Second, Handler: handler, Network: network.Host(ip),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.closeSockets)
		return &party{stack: s}
	}
	alice, bob := start(aliceIP), start(bobIP)
	var callers sync.WaitGroup
	for i := range 20 {
		callers.Go(func() {
			w := handler.witness()
			opts := InviteOptions{To: bob.uri("udp", "bob"), From: "alice"}
			if i%4 != 0 {
				opts.Offer = []byte("v=offer")
			}
			d, err := alice.stack.Invite(t.Context(), opts, w)
			if err != nil {
				t.Error(err)
				return
			}
			w.act(context.Background(), d)
		})
	}
	callers.Wait()
	time.Sleep(5 * time.Minute)
	settle(t, alice, bob)
	for i, w := range handler.seen {
		if w.ended != 1 || w.late != 0 {
			t.Errorf("handler %d: %d ends, %d calls after them", i, w.ended, w.late)
		}
	}
}
