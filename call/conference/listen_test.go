package conference_test

import (
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/media/tone"
	"offhook/media/wav"
	"offhook/resource"
)

const musicHz = 1004.0 // of the stage's music

// says plays a tone of one's own from the answer on.
func says(hz float64) func(*phone.Call) {
	return func(c *phone.Call) {
		answers(c)
		c.Play(tone.New(8000, tone.Spec{Hz1: hz, Level: -20}))
	}
}

// tape keeps what it is given, as a recogniser of speech would. It implements
// media.Sink.
type tape struct {
	mu          sync.Mutex
	said, heard []int16
}

// WriteFrame implements media.Sink.
func (t *tape) WriteFrame(said, heard []int16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said, t.heard = append(t.said, said...), append(t.heard, heard...)
}

// TestListenersGoOnThroughATransfer records C's call, and listens to it as a
// transcription does, while A talks with C, consults B and hands C over: all of
// that is on both, without a gap.
func TestListenersGoOnThroughATransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &people{stage: newStage(t, 1, &tally{counts: map[string]int{}}), calls: map[string]*phone.Call{}, ofA: make(chan *call.Call, 1)}
		p.takes("B", "1002", says(danHz))
		connects(says(annHz), call.ConnectOptions{})(p)
		p.calls["C"].Play(tone.New(8000, tone.Spec{Hz1: bobHz, Level: -20}))
		ofC := p.callOf("C")
		recording, err := ofC.RecordStart(t.Context(), call.RecordOptions{})
		must(t, err)
		transcript := &tape{}
		detach := ofC.Attach(transcript, 8000)

		time.Sleep(2 * time.Second)
		row, err := (<-p.ofA).Transfer(t.Context(), call.TransferOptions{Destinations: []resource.Address{{Type: "extension", Target: "1002"}}})
		must(t, err)
		time.Sleep(2 * time.Second)
		h, _ := p.x.FindTransfer(customer, row.ID)
		_, err = h.Complete(t.Context())
		must(t, err)
		time.Sleep(2 * time.Second)
		ofC.RecordEnd(recording.ID)
		detach()
		synctest.Wait()

		left, right := stereo(t, p.x.RecordingFile(&recording))
		for name, channel := range map[string]struct{ said, heard []int16 }{"recording": {left, right}, "transcription": {transcript.said, transcript.heard}} {
			if n := len(channel.said); n < 8000*6-800 || n > 8000*6+800 {
				t.Errorf("%s: %d samples, want 6 s", name, n)
				continue
			}
			for second, heard := range []float64{annHz, annHz, musicHz, musicHz, danHz, danHz} {
				if second%2 == 0 && second > 0 {
					continue // the second in which it changes
				}
				at := second*8000 + 1600
				for _, hz := range []float64{annHz, musicHz, danHz} {
					if is := amplitude(channel.heard[at:at+4000], hz, 8000) > audible; is != (hz == heard) {
						t.Errorf("%s: in second %d %v Hz is heard: %v", name, second, hz, is)
					}
				}
				if amplitude(channel.said[at:at+4000], bobHz, 8000) < audible {
					t.Errorf("%s: in second %d C is not heard", name, second)
				}
			}
		}
		p.close(p.phones...)
	})
}

// callOf is our call from somebody who dialled.
func (p *people) callOf(name string) *call.Call {
	for _, c := range p.x.Calls() {
		if row := c.Snapshot(); row.Direction == resource.DirectionIncoming && row.Source.Target == name {
			return c
		}
	}
	p.t.Fatalf("no call of %s's", name)
	return nil
}

// stereo reads the two channels of a WAV file.
func stereo(t *testing.T, path string) (left, right []int16) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	r, err := wav.NewReader(f)
	must(t, err)
	if h := r.Header(); h.Channels != 2 || h.Rate != 8000 {
		t.Fatalf("%+v, want stereo at 8000 Hz", h)
	}
	buf := make([]int16, 1024)
	for {
		n, err := r.Read(buf)
		for i := 0; i+1 < n; i += 2 {
			left, right = append(left, buf[i]), append(right, buf[i+1])
		}
		if err != nil {
			return left, right
		}
	}
}
