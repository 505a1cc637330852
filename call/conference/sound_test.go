package conference_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"testing"
	"time"

	"offhook/flow"
	"offhook/media/audio"
	"offhook/media/tone"
	"offhook/media/wav"
	"offhook/resource"
)

// TestRecording records a conference twice at once, and decodes what came of it.
func TestRecording(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	b.conference(resource.Conference{Identity: resource.Identity{ID: "board"}})
	b.number("+15550000001", join("board", ""))
	ann := b.enter("ann", annHz, "PCMU", "+15550000001")
	bob := b.enter("bob", bobHz, "G722", "+15550000001")
	cid := b.enter("cid", cidHz, "PCMA", "+15550000001")
	matrix(t, "three", map[*party]string{ann: "bob cid", bob: "ann cid", cid: "ann bob"})

	wavRow, err := b.rooms.RecordStart(ctx, customer, "board", flow.RecordRequest{Beep: true})
	must(t, err)
	mp3Row, err := b.rooms.RecordStart(ctx, customer, "board", flow.RecordRequest{Format: "mp3"})
	must(t, err)
	if c := b.shown("board"); c.RecordingID != mp3Row.ID || len(c.RecordingIDs) != 2 {
		t.Errorf("while recording: %+v", c)
	}
	matrix(t, "recorded", map[*party]string{ann: "bob cid", bob: "ann cid", cid: "ann bob"})
	must(t, b.rooms.RecordStop(ctx, customer, "board"))
	if c := b.shown("board"); c.RecordingID != wavRow.ID {
		t.Errorf("the other recording goes on: %+v", c)
	}
	for _, p := range []*party{ann, bob, cid} {
		p.Hangup()
	}
	for i, want := range []resource.Recording{
		{Identity: mp3Row.Identity, Format: "mp3", EndReason: "stop"},
		{Identity: wavRow.Identity, Format: "wav", EndReason: "hangup"},
	} {
		var got resource.Recording
		must(t, json.Unmarshal(b.nth("recording_finished", i).Data, &got))
		if got.ID != want.ID || got.Format != want.Format || got.EndReason != want.EndReason ||
			got.ReferenceType != "conference" || got.ReferenceID != "board" || got.Channels != 1 || got.Status != "ended" {
			t.Errorf("recording %+v", got)
		}
		b.holds(&got, "ann bob cid")
	}
	if c := b.shown("board"); c.RecordingID != "" || len(c.RecordingIDs) != 2 {
		t.Errorf("after recording: %+v", c)
	}
	if _, err := b.rooms.RecordStart(ctx, customer, "board", flow.RecordRequest{}); err == nil {
		t.Error("an empty conference is recorded")
	}
}

// holds decodes a recording and names the tones at its beginning.
func (b *bench) holds(r *resource.Recording, want string) {
	b.t.Helper()
	f, err := os.Open(b.x.RecordingFile(r))
	must(b.t, err)
	defer f.Close()
	clip, err := audio.Decode(f, "x."+r.Format)
	must(b.t, err)
	if d := clip.Duration().Seconds(); d < 0.3 || d > r.Duration+0.1 || d < r.Duration-0.1 {
		b.t.Errorf("%s is %.2f s long, its row says %.2f s", r.Format, d, r.Duration)
	}
	src, pcm := clip.Source(earRate), make([]int16, 0, earWindow)
	frame := make([]int16, earRate/50)
	for n := 0; len(pcm) < earWindow; n++ {
		must(b.t, src.ReadFrame(frame))
		if n >= 5 { // past an encoder's first frames
			pcm = append(pcm, frame...)
		}
	}
	if got := tonesIn(pcm, earRate); got != want {
		b.t.Errorf("%s holds %q, want %q", r.Format, got, want)
	}
}

// TestPlay plays a file to everybody, over what they say.
func TestPlay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "board"}})
	b.number("+15550000001", join("board", ""))
	file := flow.Prompt{Kind: flow.PromptURL, URL: b.file("tone.wav", wavOf(t, fileHz, 2*time.Second))}
	if err := b.rooms.Play(t.Context(), customer, "board", file); err == nil {
		t.Error("somebody hears a file in an empty conference")
	}
	ann := b.enter("ann", annHz, "PCMU", "+15550000001")
	bob := b.enter("bob", bobHz, "G722", "+15550000001")
	matrix(t, "before", map[*party]string{ann: "bob", bob: "ann"})
	must(t, b.rooms.Play(t.Context(), customer, "board", file))
	matrix(t, "while it plays", map[*party]string{ann: "bob file", bob: "ann file"})
	matrix(t, "after", map[*party]string{ann: "bob", bob: "ann"})
	missing := flow.Prompt{Kind: flow.PromptURL, URL: b.dir + "/none.wav"}
	if err := b.rooms.Play(t.Context(), customer, "board", missing); err == nil {
		t.Error("a file that is not there is played")
	}
}

// TestListen listens to a whole conference until the last has left.
func TestListen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "board"}})
	b.number("+15550000001", join("board", ""))
	if _, _, err := b.rooms.Listen(customer, "board"); err == nil {
		t.Error("an empty conference is listened to")
	}
	ann := b.enter("ann", annHz, "PCMU", "+15550000001")
	all := &party{name: "the listener", ear: newEar()}
	attach, empty, err := b.rooms.Listen(customer, "board")
	must(t, err)
	detach := attach(all.ear, earRate)
	b.rooms.Transcribed(customer, "board", "first", false)
	b.rooms.Transcribed(customer, "board", "second", false)
	b.rooms.Transcribed(customer, "board", "first", true)
	if c := b.shown("board"); c.TranscribeID != "second" || len(c.TranscribeIDs) != 2 {
		t.Errorf("row %+v", c)
	}
	bob := b.enter("bob", bobHz, "G722", "+15550000001")
	matrix(t, "listened to", map[*party]string{all: "ann bob", ann: "bob", bob: "ann"})
	ann.Hangup()
	bob.Hangup()
	wait(t, "everybody gone", empty)
	detach()
	b.rooms.Transcribed(customer, "board", "second", true)
	if c := b.shown("board"); c.TranscribeID != "" {
		t.Errorf("row %+v", c)
	}
}

// TestConnect joins a conference by a connect in another call's flow.
func TestConnect(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "board"}})
	b.number("+15550000001", join("board", ""))
	b.number("+15550000002", `{"type": "connect", "option": {"destinations": [{"type": "conference", "target": "board"}]}}`)
	ann := b.enter("ann", annHz, "PCMU", "+15550000001")
	bob := b.enter("bob", bobHz, "PCMA", "+15550000002")
	matrix(t, "connected", map[*party]string{ann: "bob", bob: "ann"})
	must(t, b.rooms.Kick(t.Context(), customer, bob.stay.ID))
	wait(t, "end of bob's call", bob.Done())
	matrix(t, "alone", map[*party]string{ann: ""})
}

// wavOf is a WAV file with a tone.
func wavOf(t *testing.T, hz float64, d time.Duration) []byte {
	t.Helper()
	const rate = 8000
	file := wav.AppendHeader(nil, rate, 1, int64(d.Seconds()*rate*2))
	src, frame := tone.New(rate, tone.Spec{Hz1: hz, On: d, Level: -20}), make([]int16, rate/50)
	for src.ReadFrame(frame) != io.EOF {
		var err error
		file, err = binary.Append(file, binary.LittleEndian, frame)
		must(t, err)
	}
	return file
}
