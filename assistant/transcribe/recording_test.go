package transcribe

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"offhook/media/wav"
	"offhook/resource"
	"offhook/speech/stt"
	"offhook/store"
	"offhook/store/rows"
)

// record stores a recording of the given seconds, one list for each channel.
func (d *desk) record(r resource.Recording, channels ...[]int16) {
	d.t.Helper()
	r.CustomerID, r.Status, r.Format, r.Channels = "c", "ended", "wav", len(channels)
	r.URL = filepath.Join(d.t.TempDir(), r.ID+".wav")
	f, err := os.Create(r.URL)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	w, err := wav.NewWriter(f, stt.Rate, len(channels))
	if err != nil {
		d.t.Fatal(err)
	}
	second := make([]int16, stt.Rate*len(channels))
	for at := range channels[0] {
		for i := range second {
			second[i] = channels[i%len(channels)][at]
		}
		if err := w.Write(second); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		d.t.Fatal(err)
	}
	if err := d.db.Write(d.t.Context(), func(tx *store.Tx) error { return rows.Recordings.Insert(tx, &r) }); err != nil {
		d.t.Fatal(err)
	}
}

// TestRecording transcribes recordings: the sides of a stereo one each for
// itself, told in the order spoken, however fast the engine is on either.
func TestRecording(t *testing.T) {
	left, right := []int16{1, 0, 3, 0, 0, 6, 0}, []int16{0, 2, 0, 4, 5, 0, 7}
	for _, c := range []struct {
		name     string
		of       string // direction of the recording
		ask      string
		channels [][]int16
		want     []string
	}{
		{"both sides", "both", "", [][]int16{left, right}, []string{"in 1", "out 2", "in 3", "out 4", "out 5", "in 6", "out 7"}},
		{"the left one", "both", "in", [][]int16{left, right}, []string{"in 1", "in 3", "in 6"}},
		{"the right one", "both", "out", [][]int16{left, right}, []string{"out 2", "out 4", "out 5", "out 7"}},
		{"one channel of what was heard", "out", "", [][]int16{right}, []string{"out 2", "out 4", "out 5", "out 7"}},
		{"one channel", "in", "both", [][]int16{left}, []string{"in 1", "in 3", "in 6"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, &counting{slow: 3 * time.Second})
				defer d.close()
				d.record(resource.Recording{Identity: resource.Identity{ID: "r"}, Direction: c.of}, c.channels...)
				row, err := d.s.Recording(t.Context(), "c", "r", Request{Direction: c.ask})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				var told []string
				for _, r := range d.transcripts() {
					told = append(told, r.Direction+" "+r.Message)
					if r.Message != fmt.Sprint(r.OffsetMS/1000+1) || r.TranscribeID != row.ID {
						t.Errorf("transcript %+v", r)
					}
				}
				if !slices.Equal(told, c.want) {
					t.Errorf("told %q", told)
				}
				if done := d.wantDone("finished"); done.ReferenceType != "recording" || done.ReferenceID != "r" {
					t.Errorf("done %+v", done)
				}
			})
		})
	}
}
