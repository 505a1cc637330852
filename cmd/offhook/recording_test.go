package main

import (
	"os"
	"testing"
	"time"

	"offhook/media/tone"
	"offhook/media/wav"
	"offhook/resource"
)

// TestRecordingPaused records a tone with a pause in it and looks for the
// silence in the file.
func TestRecordingPaused(t *testing.T) {
	w := newWorld(t, `
flows: [{id: f, actions: [{type: answer}, {type: record_start, option: {direction: in, format: wav}}, {type: sleep, option: {duration: 60000}}]}]
numbers: [{id: n, number: "+15550000000", call_flow_id: f}]
`)
	c := w.dial("+15550000000")
	receiveOr(t, "answer", c.UpSignal())
	c.Play(tone.New(8000, tone.Milliwatt()))
	w.hook("recording_started", "")
	var list struct{ Result []resource.Call }
	w.api("GET", "/v1/calls", nil, &list)
	path := "/v1/calls/" + list.Result[0].ID
	second := func() { <-time.After(time.Second) } // the length of what is recorded, not a wait for something
	second()
	w.api("POST", path+"/recording_pause", nil, nil)
	second()
	w.api("POST", path+"/recording_resume", nil, nil)
	second()
	w.api("POST", path+"/recording_stop", nil, nil)
	w.hook("recording_finished", "")
	if status, _ := w.request("POST", path+"/recording_pause", nil); status != 409 {
		t.Errorf("pausing without a recording: %d, want 409", status)
	}
	var recs struct{ Result []resource.Recording }
	w.api("GET", "/v1/recordings", nil, &recs)
	loud, quiet := energyOf(t, w.server.exchange.RecordingFile(&recs.Result[0]))
	if loud < 75 || quiet < 40 || loud+quiet < 140 {
		t.Errorf("%d frames with sound and %d silent ones; want two seconds and one", loud, quiet)
	}
}

// energyOf counts the frames of a WAV with and without sound.
func energyOf(t *testing.T, path string) (loud, quiet int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := wav.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 160)
	for {
		n, err := r.Read(frame)
		var sum int64
		for _, s := range frame[:n] {
			sum += int64(s) * int64(s)
		}
		if n > 0 && sum > int64(n)*loudness {
			loud++
		} else if n > 0 {
			quiet++
		}
		if err != nil {
			return loud, quiet
		}
	}
}
