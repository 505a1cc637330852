package recorder

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

const (
	// batchFrames is how much is gathered before the goroutine is woken and
	// one write is made: 0.5 s. It is also what a SIGKILL may cost.
	batchFrames = 25
	// promptFrames is the batch of a recording that ends by silence: 0.1 s.
	promptFrames = 5
)

// Recording is a recording under way. It implements media.Sink.
type Recording struct {
	opts   Options
	ring   *ring
	batch  int
	paused atomic.Bool
	ended  atomic.Bool
	woken  chan struct{} // something to write
	ending chan struct{} // closed by End

	end    sync.Once
	reason Reason // set before ending is closed

	done   chan struct{}
	result Result // set before done is closed
}

// Start opens the hidden partial file and begins to record. Errors wrap
// ErrOptions when the options are at fault, else they are the file's.
func Start(o Options) (*Recording, error) {
	return start(o, create)
}

func start(o Options, open func(path string) (file, error)) (*Recording, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	f, err := open(partialName(o.Path))
	if err != nil {
		return nil, fmt.Errorf("recorder: %w", err)
	}
	c, err := newContainer(f, o)
	if err != nil {
		return nil, fmt.Errorf("recorder: %w", errors.Join(err, f.Close(), discard(o.Path)))
	}
	r := &Recording{
		opts:   o,
		ring:   newRing(o.frameSamples(), o.Direction != Out, o.Direction != In),
		batch:  batchFrames,
		woken:  make(chan struct{}, 1),
		ending: make(chan struct{}),
		done:   make(chan struct{}),
	}
	if o.Silence > 0 || o.InitialSilence > 0 {
		r.batch = promptFrames
	}
	go newWriter(r, f, c).run()
	return r, nil
}

// WriteFrame takes 20 ms of what the party said and of what it heard, one call
// a tick. It never blocks, keeps neither slice and allocates only while the disk
// stalls; a missing or short frame is silence. One goroutine at a time may call
// it. After the end it does nothing.
func (r *Recording) WriteFrame(said, heard []int16) {
	if r.ended.Load() {
		return
	}
	if waiting := r.ring.put(said, heard, r.paused.Load()); waiting%r.batch == 0 {
		r.wake()
	}
}

func (r *Recording) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Pause records silence until Resume, so that the timeline is kept.
func (r *Recording) Pause() { r.paused.Store(true) }

// Resume ends a pause.
func (r *Recording) Resume() { r.paused.Store(false) }

// Stop ends the recording, waits until its file is complete and tells what
// became of it. It may be called any number of times.
func (r *Recording) Stop() Result { return r.End(Stopped) }

// End is Stop with a reason of the caller's own. The first reason counts.
func (r *Recording) End(reason Reason) Result {
	r.finish(reason)
	<-r.done
	return r.result
}

// Done is closed when the file is complete, whatever ended the recording.
func (r *Recording) Done() <-chan struct{} { return r.done }

func (r *Recording) finish(reason Reason) {
	r.end.Do(func() {
		r.reason = reason
		r.ended.Store(true)
		close(r.ending)
	})
}
