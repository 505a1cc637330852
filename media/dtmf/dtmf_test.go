package dtmf

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// packet is an event packet of a key press.
type packet struct {
	seq    uint16
	ts     uint32
	marker bool
	code   uint8
	end    bool
	dur    uint16
}

// press is the packets of a press of n frames, three ends included.
func press(seq uint16, ts uint32, code uint8, n int) []packet {
	var out []packet
	for i := 1; i <= n; i++ {
		out = append(out, packet{seq, ts, i == 1, code, i == n, uint16(160 * i)})
		seq++
	}
	for range 2 {
		out = append(out, packet{seq, ts, false, code, true, uint16(160 * n)})
		seq++
	}
	return out
}

// without removes packets by index.
func without(in []packet, drop ...int) []packet {
	var out []packet
next:
	for i, p := range in {
		for _, d := range drop {
			if i == d {
				continue next
			}
		}
		out = append(out, p)
	}
	return out
}

func change(in []packet, f func(i int, p *packet)) []packet {
	for i := range in {
		f(i, &in[i])
	}
	return in
}

// receive runs packets 20 ms apart through a receiver and gives the keys told of.
func receive(packets []packet) string {
	r := NewReceiver(8000)
	keys := ""
	at := time.Duration(0)
	for _, p := range packets {
		presses, n := r.Push(p.seq, p.ts, p.marker, Event{Code: p.code, End: p.end, Duration: p.dur}, at)
		for _, k := range presses[:n] {
			keys += string(k.Key)
		}
		at += 20 * time.Millisecond
	}
	if p, ok := r.Expire(at + time.Second); ok {
		keys += string(p.Key)
	}
	return keys
}

func TestEachPressIsToldOnce(t *testing.T) {
	five := press(10, 1000, 5, 5)
	long := func() []packet {
		// 12 s in segments of less than 65536 units: each with a timestamp of its own.
		var out []packet
		ts, seq, dur := uint32(1000), uint16(1), 0
		for i := range 600 {
			if dur+160 > 0xffff {
				ts += uint32(dur)
				dur = 0
			}
			dur += 160
			out = append(out, packet{seq, ts, i == 0, 3, i == 599, uint16(dur)})
			seq++
		}
		return out
	}
	tests := []struct {
		name    string
		packets []packet
		want    string
	}{
		{"whole", five, "5"},
		{"start lost", without(five, 0, 1), "5"},
		{"only the ends", without(five, 0, 1, 2, 3), "5"},
		{"only the last end", without(five, 0, 1, 2, 3, 4, 5), "5"},
		{"ends lost", without(five, 4, 5, 6), "5"},
		{"one short packet", five[:1], "5"},
		{"no marker", change(press(1, 1000, 7, 5), func(_ int, p *packet) { p.marker = false }), "7"},
		{"marker on all", change(press(1, 1000, 7, 5), func(_ int, p *packet) { p.marker = true }), "7"},
		{"duplicates", append(append([]packet{}, five...), five...), "5"},
		{"swapped", []packet{five[1], five[0], five[3], five[2], five[5], five[4], five[6]}, "5"},
		{"end before start", []packet{five[4], five[0], five[1], five[2], five[5]}, "5"},
		{"same key twice", append(press(1, 1000, 5, 4), press(20, 3000, 5, 4)...), "55"},
		{"same key twice, ends lost", append(press(1, 1000, 5, 4)[:3], press(20, 3000, 5, 4)...), "55"},
		{"same key twice, no marker, ends lost", change(append(press(1, 1000, 5, 4)[:3], press(20, 3000, 5, 4)...),
			func(_ int, p *packet) { p.marker = false }), "55"},
		{"two keys, ends lost", append(press(1, 1000, 1, 4)[:3], press(20, 3000, 2, 4)[:3]...), "12"},
		{"late packet of the first", append(append(press(1, 1000, 1, 4)[:4], press(20, 3000, 2, 4)...), press(1, 1000, 1, 4)[5]), "12"},
		{"long", long(), "3"},
		{"moving timestamps", change(press(1, 1000, 9, 8), func(i int, p *packet) { p.ts += uint32(160 * min(i, 7)) }), "9"},
		{"ends with moving timestamps", change(press(1, 1000, 9, 5), func(i int, p *packet) {
			if i > 4 {
				p.ts += uint32(160 * i)
			}
		}), "9"},
		{"wrapping", change(press(0xfffe, 0xffffff00, 4, 5), func(int, *packet) {}), "4"},
		{"flash is no key", press(1, 1000, 16, 5), ""},
		{"letters", append(press(1, 1000, 12, 4), press(20, 3000, 15, 4)...), "AD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := receive(tt.packets); got != tt.want {
				t.Errorf("keys %q, want %q", got, tt.want)
			}
		})
	}
}

func TestToldAfter40Milliseconds(t *testing.T) {
	r := NewReceiver(8000)
	if _, n := r.Push(1, 1000, true, Event{Code: 5, Duration: 160}, 0); n != 0 {
		t.Fatal("told after 20 ms")
	}
	presses, n := r.Push(2, 1000, false, Event{Code: 5, Duration: 320}, 20*time.Millisecond)
	if want := (Press{Key: '5', Duration: 40 * time.Millisecond}); n != 1 || presses[0] != want {
		t.Fatalf("%d presses %v, want %v", n, presses, want)
	}
	if !r.Down(30 * time.Millisecond) {
		t.Error("key is up")
	}
}

func TestSenderIsHeardByReceiver(t *testing.T) {
	s := NewSender("19#d x", 100*time.Millisecond, 60*time.Millisecond, 8000)
	var sent []packet
	ts, seq := uint32(7000), uint16(9)
	for range 1000 {
		p, over := s.Next(ts)
		if over {
			break
		}
		if p.Send {
			sent = append(sent, packet{seq, p.Timestamp, p.Marker, p.Event.Code, p.Event.End, p.Event.Duration})
			seq++
		}
		ts += 160
	}
	if got := receive(sent); got != "19#D" {
		t.Errorf("keys %q", got)
	}
	want := []packet{
		{9, 7000, true, 1, false, 160},
		{10, 7000, false, 1, false, 320},
		{11, 7000, false, 1, false, 480},
		{12, 7000, false, 1, false, 640},
		{13, 7000, false, 1, true, 800},
		{14, 7000, false, 1, true, 800},
		{15, 7000, false, 1, true, 800},
		{16, 8280, true, 9, false, 160},
	}
	if d := cmp.Diff(want, sent[:8], cmp.AllowUnexported(packet{})); d != "" {
		t.Error(d)
	}
}

func TestLongPressIsSentInSegments(t *testing.T) {
	s := NewSender("0", 20*time.Second, 40*time.Millisecond, 8000)
	var sent []packet
	ts := uint32(0)
	for {
		p, over := s.Next(ts)
		if over {
			break
		}
		if p.Send {
			sent = append(sent, packet{uint16(len(sent)), p.Timestamp, p.Marker, 0, p.Event.End, p.Event.Duration})
			if end := p.Timestamp + uint32(p.Event.Duration); !p.Event.End && end != ts+160 {
				t.Fatalf("packet at %d ends at %d", ts, end)
			}
		}
		ts += 160
	}
	if got := receive(sent); got != "0" {
		t.Errorf("keys %q", got)
	}
	if last := sent[len(sent)-1]; last.ts+uint32(last.dur) != 160000 {
		t.Errorf("ends at %d", last.ts+uint32(last.dur))
	}
}

func TestMarshalParses(t *testing.T) {
	in := Event{Code: 11, End: true, Volume: 10, Duration: 800}
	b := make([]byte, 4)
	in.Marshal(b)
	out, err := Parse(b)
	if err != nil || out != in {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := Parse(b[:3]); err == nil {
		t.Error("3 bytes parsed")
	}
}

func FuzzReceiver(f *testing.F) {
	f.Add([]byte{5, 0, 0, 160, 1, 2, 5, 0x80, 3, 32, 1, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReceiver(8000)
		told, packets := 0, 0
		for len(data) >= 6 {
			e, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			packets++
			_, n := r.Push(uint16(data[4]), uint32(data[5])*160, data[5]&1 != 0, e, time.Duration(packets)*20*time.Millisecond)
			told += n
			data = data[6:]
		}
		if told > packets {
			t.Errorf("%d presses of %d packets", told, packets)
		}
	})
}
