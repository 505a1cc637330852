package media

import (
	"testing"
	"time"

	"offhook/media/tone"
)

func TestPtimeOfThePeer(t *testing.T) {
	for _, ms := range []int{10, 20, 30, 60} {
		inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
			ph := newPhone(t, w, "127.0.0.1:9000")
			port := connect(t, e, ph, "PCMA", func(p *Params) { p.Ptime = time.Duration(ms) * time.Millisecond })
			port.Play(tone.New(8000, tone.Spec{Hz1: 1000, Level: -12}))
			time.Sleep(3 * time.Second)
			got := ph.packets()
			checkStream(t, got)
			if n := len(got) * ms; n < 2880 || n > 3020+ms {
				t.Errorf("ptime %d: %d ms of audio in 3 s", ms, n)
			}
			if len(got[0].Payload) != 8*ms {
				t.Errorf("ptime %d: %d bytes", ms, len(got[0].Payload))
			}
			if l := pitch(decode(format(t, "PCMA"), got[5:]), 8000, 1000); l < -13 || l > -11 {
				t.Errorf("ptime %d: tone at %.1f dBFS", ms, l)
			}
		})
	}
}

func TestLongPacketsFromThePeer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		port := connect(t, e, ph, "PCMU", nil)
		ear := &earSink{}
		port.Attach(ear, 8000)
		src := tone.New(8000, tone.Spec{Hz1: 1000, Level: -12})
		enc := format(t, "PCMU").NewEncoder()
		pcm, payload := make([]int16, 160), make([]byte, 0, 480)
		for range 50 {
			payload = payload[:0]
			for range 3 {
				if err := src.ReadFrame(pcm); err != nil {
					t.Fatal(err)
				}
				enc.Encode(payload[len(payload):len(payload)+160], pcm)
				payload = payload[:len(payload)+160]
			}
			ph.send(port.LocalAddr(), 0, ph.ts, false, payload)
			ph.ts += 480
			time.Sleep(60 * time.Millisecond)
		}
		said, _ := ear.all()
		if l := pitch(said[8000:22000], 8000, 1000); l < -12.2 || l > -11.8 {
			t.Errorf("tone at %.2f dBFS", l)
		}
		if s := port.Stats(); s.Concealed > 3 {
			t.Errorf("%d gaps concealed", s.Concealed)
		}
	})
}

func TestCodecChangeKeepsTheStream(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		port := connect(t, e, ph, "PCMU", nil)
		ear := &earSink{}
		port.Attach(ear, 16000)
		port.Play(tone.New(8000, tone.Spec{Hz1: 1000, Level: -12}))
		talk := func(name string) {
			ph.talk(port.LocalAddr(), format(t, name), tone.New(format(t, name).SampleRate, tone.Spec{Hz1: 600, Level: -12}), 50)
		}
		talk("PCMU")
		f := format(t, "G722")
		if err := port.Configure(Params{Format: f, PayloadType: f.PayloadType, Remote: ph.addr, Send: true, Receive: true}); err != nil {
			t.Fatal(err)
		}
		talk("G722")
		got := ph.packets()
		checkStream(t, got)
		if l := pitch(decode(f, got[60:]), 16000, 1000); l < -13 || l > -11 {
			t.Errorf("party hears %.1f dBFS", l)
		}
		said, _ := ear.all()
		if l := pitch(said[len(said)-12000:], 16000, 600); l < -13 || l > -11 {
			t.Errorf("party is heard at %.1f dBFS", l)
		}
	})
}

func TestHoldSendsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		port := connect(t, e, ph, "PCMU", nil)
		time.Sleep(200 * time.Millisecond)
		params := Params{Format: format(t, "PCMU"), Remote: ph.addr}
		set := func(send bool) {
			params.Send, params.Receive = send, send
			if err := port.Configure(params); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Millisecond)
		}
		set(false)
		before := ph.packets()
		time.Sleep(time.Second)
		if n := len(ph.packets()); n > 0 {
			t.Errorf("%d packets on hold", n)
		}
		set(true)
		time.Sleep(100 * time.Millisecond)
		after := ph.packets()
		last, first := before[len(before)-1], after[0]
		if first.SequenceNumber != last.SequenceNumber+1 || !first.Marker {
			t.Errorf("sequence %d after %d, marker %v", first.SequenceNumber, last.SequenceNumber, first.Marker)
		}
		if d := first.Timestamp - last.Timestamp; d < 8000 || d > 9600 {
			t.Errorf("timestamp went on by %d in a little over a second", d)
		}
	})
}
