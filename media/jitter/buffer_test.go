package jitter

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// network says when packet i of a stream arrives after it was sent, and whether.
type network func(i int) (delay time.Duration, lost bool)

// result is what a player got out of a simulated stream.
type result struct {
	played                         []int // packets in the order of playing
	concealed, stretched, squeezed int
	late, duplicate                int
	delay                          time.Duration // at the end
	maxDelay                       time.Duration
}

// simulate sends n packets of 20 ms over the network and plays them with a clock
// that ticks each 20 ms.
func simulate(n int, net network, twice bool) result {
	type arrival struct {
		i  int
		at time.Duration
	}
	var arrivals []arrival
	for i := range n {
		d, lost := net(i)
		if lost {
			continue
		}
		arrivals = append(arrivals, arrival{i, time.Duration(i)*frame + d})
		if twice {
			arrivals = append(arrivals, arrival{i, time.Duration(i)*frame + d + time.Millisecond})
		}
	}
	slices.SortStableFunc(arrivals, func(a, b arrival) int { return int(a.at - b.at) })
	b := New(8000)
	var r result
	payload := make([]byte, 160)
	for tick := 7 * time.Millisecond; len(arrivals) > 0 || b.Waiting() > 0; tick += frame {
		for len(arrivals) > 0 && arrivals[0].at <= tick {
			a := arrivals[0]
			arrivals = arrivals[1:]
			binary.BigEndian.PutUint32(payload, uint32(a.i))
			switch b.Put(uint16(a.i), uint32(a.i)*160, payload, a.at) {
			case Late:
				r.late++
			case Duplicate:
				r.duplicate++
			}
		}
		r.play(b, tick)
	}
	r.delay = b.Delay()
	return r
}

// play takes one frame out of the buffer.
func (r *result) play(b *Buffer, tick time.Duration) {
	step, payload, _ := b.Next(tick)
	r.count(step, payload)
	if step == Play || step == Squeeze {
		b.Advance(160)
	}
	if step == Squeeze {
		if step, payload, _ = b.Next(tick); step == Play {
			r.count(step, payload)
			b.Advance(160)
		}
	}
	r.maxDelay = max(r.maxDelay, b.Delay())
}

func (r *result) count(step Step, payload []byte) {
	switch step {
	case Play, Squeeze:
		r.played = append(r.played, int(binary.BigEndian.Uint32(payload)))
		if step == Squeeze {
			r.squeezed++
		}
	case Conceal:
		r.concealed++
	case Stretch:
		r.stretched++
	}
}

func steady(int) (time.Duration, bool) { return 30 * time.Millisecond, false }

func TestSteadyStreamIsPlayedWholeAndSoon(t *testing.T) {
	r := simulate(500, steady, false)
	if len(r.played) != 500 || !slices.IsSorted(r.played) || r.concealed+r.stretched+r.squeezed > 0 {
		t.Errorf("%d played, %+v", len(r.played), r)
	}
	if r.delay > 40*time.Millisecond {
		t.Errorf("delay %s", r.delay)
	}
}

func TestJitterIsAbsorbed(t *testing.T) {
	for _, spread := range []time.Duration{15 * time.Millisecond, 40 * time.Millisecond, 90 * time.Millisecond} {
		rng := rand.New(rand.NewPCG(1, uint64(spread)))
		r := simulate(3000, func(int) (time.Duration, bool) {
			return 20*time.Millisecond + time.Duration(rng.Int64N(int64(spread))), false
		}, false)
		if !slices.IsSorted(r.played) {
			t.Errorf("spread %s: out of order", spread)
		}
		if missing := 3000 - len(r.played); missing > 60 {
			t.Errorf("spread %s: %d of 3000 packets not played", spread, missing)
		}
		if r.delay > spread+70*time.Millisecond {
			t.Errorf("spread %s: delay %s", spread, r.delay)
		}
	}
}

func TestDelayShrinksAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	r := simulate(4000, func(i int) (time.Duration, bool) {
		if i > 500 && i < 1000 {
			return time.Duration(rng.Int64N(int64(120 * time.Millisecond))), false
		}
		return time.Duration(rng.Int64N(int64(2 * time.Millisecond))), false
	}, false)
	if r.maxDelay < 90*time.Millisecond {
		t.Errorf("grew to %s only", r.maxDelay)
	}
	if r.delay > 50*time.Millisecond {
		t.Errorf("delay %s at the end", r.delay)
	}
	if r.squeezed == 0 || r.stretched == 0 {
		t.Errorf("%+v", r)
	}
}

func TestLossReorderDuplicates(t *testing.T) {
	lossy := simulate(1000, func(i int) (time.Duration, bool) { return 0, i%10 == 5 }, false)
	if len(lossy.played) != 900 || lossy.concealed != 100 {
		t.Errorf("10%% loss: %d played, %d concealed", len(lossy.played), lossy.concealed)
	}
	back := simulate(1000, func(i int) (time.Duration, bool) { return time.Duration(1-i%2) * 30 * time.Millisecond, false }, false)
	if !slices.IsSorted(back.played) || len(back.played) < 980 {
		t.Errorf("reordered: %d played", len(back.played))
	}
	twice := simulate(500, steady, true)
	if len(twice.played) != 500 || twice.duplicate+twice.late != 500 {
		t.Errorf("twice: %d played, %d duplicates, %d late", len(twice.played), twice.duplicate, twice.late)
	}
}

func TestClockDriftIsFollowed(t *testing.T) {
	for _, ppm := range []int{-300, 300} {
		// Ten minutes of a sender whose clock is off.
		r := simulate(30000, func(i int) (time.Duration, bool) {
			return 100*time.Millisecond + time.Duration(i*ppm)*frame/1e6, false
		}, false)
		if missing := 30000 - len(r.played); missing > 5 {
			t.Errorf("%d ppm: %d packets missing", ppm, missing)
		}
		if r.delay > 70*time.Millisecond {
			t.Errorf("%d ppm: delay %s", ppm, r.delay)
		}
	}
}

func TestPauseAndNewTimeline(t *testing.T) {
	b := New(8000)
	put := func(seq uint16, ts uint32, at time.Duration) {
		if v := b.Put(seq, ts, make([]byte, 160), at); v != Accepted {
			t.Fatalf("packet %d: %v", seq, v)
		}
	}
	plays := func(from, to time.Duration) int {
		n := 0
		for at := from; at < to; at += frame {
			if step, _, _ := b.Next(at); step == Play {
				b.Advance(160)
				n++
			}
		}
		return n
	}
	put(1, 4000, 0)
	if n := plays(0, 2*time.Second); n != 1 {
		t.Fatalf("%d of 1 played", n)
	}
	put(2, 4000+16000, 2*time.Second) // after a pause, in time
	if n := plays(2*time.Second, 3*time.Second); n != 1 {
		t.Errorf("%d of 1 played after a pause", n)
	}
	put(3, 0x90000000, 3*time.Second) // another source
	if n := plays(3*time.Second, 4*time.Second); n != 1 {
		t.Errorf("%d of 1 played of a new timeline", n)
	}
}

func TestNoAllocation(t *testing.T) {
	b := New(8000)
	payload := make([]byte, 160)
	i := 0
	step := func() {
		at := time.Duration(i) * frame
		b.Put(uint16(i), uint32(i)*160, payload, at)
		if s, _, _ := b.Next(at + 5*time.Millisecond); s == Play {
			b.Advance(160)
		}
		i++
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func BenchmarkPutNext(b *testing.B) {
	b.ReportAllocs()
	buf := New(8000)
	payload := make([]byte, 160)
	i := 0
	for b.Loop() {
		at := time.Duration(i) * frame
		buf.Put(uint16(i), uint32(i)*160, payload, at)
		if s, _, _ := buf.Next(at + 5*time.Millisecond); s == Play {
			buf.Advance(160)
		}
		i++
	}
}
