package transcribe

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"offhook/event"
	"offhook/resource"
	"offhook/speech/stt"
	"offhook/store/rows"
)

// transcripts are what users were told, in order.
func (d *desk) transcripts() []resource.Transcript {
	var list []resource.Transcript
	for _, e := range d.of(event.TranscriptCreated) {
		var t resource.Transcript
		if err := json.Unmarshal(e.Data, &t); err != nil {
			d.t.Fatal(err)
		}
		list = append(list, t)
	}
	return list
}

// wantAll checks that every second from from to to was told once for each
// direction, in order and at its time.
func (d *desk) wantAll(from, to int, directions ...string) {
	d.t.Helper()
	told := d.transcripts()
	if len(told) != (to-from)*len(directions) {
		d.t.Errorf("%d transcripts of %d seconds", len(told), to-from)
	}
	next := map[string]int{}
	for _, direction := range directions {
		next[direction] = from
	}
	for _, t := range told {
		want, known := next[t.Direction]
		if !known || t.Message != fmt.Sprint(word(want)) || t.OffsetMS != 1000*want || t.DurationMS != 1000 {
			d.t.Fatalf("%s: second %d is told as %+v", t.Direction, want, t)
		}
		stamp := time.Time{}.Add(time.Duration(want) * time.Second).Format("2006-01-02 15:04:05.000")
		if t.TMTranscript != stamp {
			d.t.Fatalf("tm_transcript %q, want %q", t.TMTranscript, stamp)
		}
		next[t.Direction]++
	}
}

// wantDone checks how it ended.
func (d *desk) wantDone(reason string) resource.Transcribe {
	d.t.Helper()
	synctest.Wait()
	if err := d.db.Flush(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	done := d.of(event.TranscribeDone)
	if len(done) != 1 {
		d.t.Fatalf("%d times done", len(done))
	}
	var row resource.Transcribe
	if err := json.Unmarshal(done[0].Data, &row); err != nil || row.EndReason != reason || row.Status != "done" || row.TMEnd == nil {
		d.t.Errorf("done: %s, %v", done[0].Data, err)
	}
	stored, err := rows.Transcribes.Load(d.t.Context(), d.db, "c", row.ID)
	if err != nil || stored.EndReason != reason {
		d.t.Errorf("stored: %+v, %v", stored, err)
	}
	return row
}

func start(d *desk, r Request) resource.Transcribe {
	d.t.Helper()
	row, err := d.s.Start(d.line, r)
	if err != nil {
		d.t.Fatal(err)
	}
	return row
}

// TestOrder transcribes both directions with an engine of changing speed;
// words of one direction stay in order, and nothing of it is after the end.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &counting{slow: 900 * time.Millisecond})
		defer d.close()
		start(d, Request{})
		d.talk(0, 20)
		close(d.over)
		time.Sleep(lastWords)
		d.wantAll(0, 20, "in", "out")
		d.wantDone("hangup")
		if d.sink != nil {
			t.Error("it still listens")
		}
		if last := d.events[len(d.events)-1]; last.Type != event.TranscribeDone {
			t.Errorf("%s after the end", last.Type)
		}
	})
}

// TestDirections listens to one side.
func TestDirections(t *testing.T) {
	for _, direction := range []string{"in", "out"} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, &counting{})
			defer d.close()
			row := start(d, Request{Direction: direction})
			d.talk(0, 3)
			if _, err := d.s.Stop(t.Context(), "c", row.ID); err != nil {
				t.Error(err)
			}
			d.wantAll(0, 3, direction)
			d.wantDone("stop")
			if _, err := d.s.Stop(t.Context(), "c", row.ID); !errors.Is(err, ErrUnknown) {
				t.Errorf("stopped twice: %v", err)
			}
		})
	}
}

// TestReconnect breaks the engine's connection again and again, and lets it be
// away for as long as sound is kept: nothing is lost or told twice.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &counting{breaks: 3500 * time.Millisecond})
		defer d.close()
		start(d, Request{Direction: "in"})
		d.talk(0, 10)
		d.engine.leave(errors.New("no route"))
		d.talk(10, 15)
		d.engine.leave(nil)
		d.talk(25, 15)
		close(d.over)
		time.Sleep(lastWords)
		d.wantAll(0, 40, "in")
		if row := d.wantDone("hangup"); row.Dropped != 0 || len(d.of(event.TranscribeDropped)) != 0 {
			t.Errorf("%v seconds dropped", row.Dropped)
		}
		if d.engine.opened < 10 {
			t.Errorf("%d streams", d.engine.opened)
		}
	})
}

// TestDropped lets an engine be away for longer than sound is kept: the oldest
// goes, users are told how much, and what follows has its right time.
func TestDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &counting{}, func(c *Config) { c.Outage = 5 * time.Second })
		defer d.close()
		start(d, Request{Direction: "in"})
		d.talk(0, 2)
		d.engine.leave(errors.New("no route"))
		d.talk(2, 30)
		if n := len(d.of(event.TranscribeDropped)); n < 20 || n > 30 {
			t.Errorf("told %d times while it went on", n)
		}
		d.engine.leave(nil)
		d.talk(32, 18)
		close(d.over)
		time.Sleep(lastWords)
		row := d.wantDone("hangup")
		if row.Dropped < 24 || row.Dropped > 31 {
			t.Errorf("%v seconds dropped of 30 with 5 kept", row.Dropped)
		}
		told := d.transcripts()
		for _, r := range told {
			if want := fmt.Sprint(word(r.OffsetMS / 1000)); r.Message != want {
				t.Errorf("%+v, want the word %s", r, want)
			}
		}
		if first, last := told[0], told[len(told)-1]; first.OffsetMS != 0 || last.OffsetMS < 48000 {
			t.Errorf("told from %d to %d ms", first.OffsetMS, last.OffsetMS)
		}
	})
}

// TestHours listens for three hours with an engine that is restarted every ten
// minutes.
func TestHours(t *testing.T) {
	seconds := 3 * 3600
	if testing.Short() {
		seconds = 1300
	}
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &counting{breaks: 10*time.Minute + 300*time.Millisecond})
		defer d.close()
		start(d, Request{Direction: "in"})
		d.talk(0, seconds)
		close(d.over)
		time.Sleep(lastWords)
		d.wantAll(0, seconds, "in")
		d.wantDone("hangup")
	})
}

// TestEngineOut ends transcriptions whose engine is of no use, and lets the
// call alone.
func TestEngineOut(t *testing.T) {
	for _, c := range []struct {
		name   string
		engine *counting
		err    error
		reason string
	}{
		{"it refuses", &counting{}, fmt.Errorf("%w: wrong key", stt.ErrRefused), "engine_failed"},
		{"it is not configured", &counting{}, stt.ErrNotConfigured, "engine_not_configured"},
		{"it keeps its last words", &counting{mute: true}, nil, "hangup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, c.engine)
				defer d.close()
				d.engine.leave(c.err)
				start(d, Request{})
				d.talk(0, 3)
				close(d.over)
				time.Sleep(lastWords + time.Second)
				row := d.wantDone(c.reason)
				failed := len(d.of(event.TranscribeFailed))
				if (failed == 1) != (c.err != nil) || row.EndMessage == "" || d.s.Live() != 0 || d.sink != nil {
					t.Errorf("%+v, told %d times", row, failed)
				}
			})
		})
	}
}

// TestOnce starts the same thing twice.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &counting{})
		defer d.close()
		first := start(d, Request{})
		if twin, err := d.s.Start(d.line, Request{Direction: "in"}); !errors.Is(err, ErrDuplicate) || twin.ID != first.ID {
			t.Errorf("%+v %v", twin, err)
		}
		if other := start(d, Request{Language: "de-DE"}); other.ID == first.ID {
			t.Error("another language is the same transcription")
		}
	})
}

// TestRecover closes what the last process left open.
func TestRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, &counting{})
		row := start(d, Request{})
		if err := d.db.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := d.s.Recover(t.Context()); err != nil { // as if nothing ran
			t.Fatal(err)
		}
		stored, err := rows.Transcribes.Load(t.Context(), d.db, "c", row.ID)
		if err != nil || stored.Status != "done" || stored.EndReason != "restart" {
			t.Errorf("%+v %v", stored, err)
		}
		d.close()
	})
}
