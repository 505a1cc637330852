package recorder

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"offhook/media/wav"
)

// checkedDisk keeps no audio. It checks that each sample belongs to the tick
// at which it lies in the file, and stalls while its lock is held.
type checkedDisk struct {
	file
	stall   sync.Mutex
	at      int    // bytes of audio so far
	silent  [2]int // samples
	foreign int
}

// mark is the value of all samples of a tick, never zero.
func mark(tick int) int16 { return int16(tick%30000 + 1) }

func (d *checkedDisk) Write(b []byte) (int, error) {
	d.stall.Lock()
	defer d.stall.Unlock()
	if len(b) == wav.LongHeaderBytes {
		return d.file.Write(b)
	}
	for i := 0; i < len(b); i += 2 {
		channel := (d.at / 2) % 2
		tick := d.at / 4 / 160
		want := mark(tick) * int16(1-2*channel)
		switch int16(binary.LittleEndian.Uint16(b[i:])) {
		case want:
		case 0:
			d.silent[channel]++
		default:
			d.foreign++
		}
		d.at += 2
	}
	return len(b), nil
}

// Two parties whose packets are late, lost and doubled reach the recorder as
// one pair of frames a tick, some of them missing; the disk stalls now and
// then for longer than the ring lasts. After an hour every sample of both
// channels must still lie at the tick that it was written in.
func TestAnHourUnderLossAndStallsStaysAligned(t *testing.T) {
	const (
		hour  = int(time.Hour / FrameDuration)
		stall = ringFrames + 200
	)
	o := options(t, "a.wav")
	r, disk := startOn(t, o)
	random := rand.New(rand.NewPCG(3, 4))
	lost := [2]int{}
	for tick := range hour {
		pair := [2][]int16{frame(o.Rate, mark(tick)), frame(o.Rate, -mark(tick))}
		for channel := range pair {
			if random.IntN(50) == 0 {
				pair[channel] = nil
				lost[channel]++
			}
		}
		at := tick % 20000
		switch at {
		case 10000:
			disk.stall.Lock()
		case 10000 + stall:
			disk.stall.Unlock()
		}
		if at >= 10000 && at < 10000+stall {
			r.WriteFrame(pair[0], pair[1])
		} else {
			feed(r, pair[0], pair[1])
		}
	}
	got := r.Stop()
	if got.Dropped == 0 || got.Dropped > 9*stall {
		t.Errorf("%d frames dropped", got.Dropped)
	}
	if disk.foreign > 0 {
		t.Errorf("%d samples lie at another tick than their own", disk.foreign)
	}
	for channel, samples := range disk.silent {
		if most := (lost[channel] + int(got.Dropped)) * 160; samples > most || samples < most*9/10 {
			t.Errorf("channel %d: %d samples of silence, want up to %d", channel, samples, most)
		}
	}
	if got.Duration != time.Hour || got.Size != wav.LongHeaderBytes+int64(time.Hour/time.Second)*8000*4 {
		t.Errorf("result %+v", got)
	}
}

// startOn starts a recording on a disk that can be stalled.
func startOn(t *testing.T, o Options) (*Recording, *checkedDisk) {
	t.Helper()
	disk := &checkedDisk{}
	r, err := start(o, func(path string) (f file, err error) {
		disk.file, err = create(path)
		return disk, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, disk
}

// TestAStallOfTenSecondsLosesNothing also looks that what the stall took is given
// back.
func TestAStallOfTenSecondsLosesNothing(t *testing.T) {
	o := options(t, "a.wav")
	r, disk := startOn(t, o)
	disk.stall.Lock()
	for tick := range int(10 * time.Second / FrameDuration) {
		r.WriteFrame(frame(o.Rate, mark(tick)), frame(o.Rate, -mark(tick)))
	}
	disk.stall.Unlock()
	if got := r.Stop(); got.Dropped != 0 || got.Duration != 10*time.Second || disk.foreign+disk.silent[0]+disk.silent[1] > 0 {
		t.Errorf("%+v, %d samples elsewhere, silent %v", got, disk.foreign, disk.silent)
	}
	kept := len(r.ring.spare)
	for i := range r.ring.blocks {
		if r.ring.blocks[i].Load() != nil {
			kept++
		}
	}
	if kept > spareBlocks {
		t.Errorf("%d blocks are kept, want %d", kept, spareBlocks)
	}
}
