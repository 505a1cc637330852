package stt

import (
	"context"
	"errors"
	"io"
	"time"
)

// Patience bounds how Listen waits for an engine that is away. The zero value
// is made of the defaults.
type Patience struct {
	First time.Duration // wait after the first failure; 0: 250 ms
	Most  time.Duration // it doubles up to this; 0: 5 s
	Tries int           // failures in a row, without a result, that end it; 0: no limit
}

// chunk is how much sound goes to an engine at once.
const chunk = Rate / 10

// Listen reads the feed to its end, has an engine turn it into text and gives
// the results to tell, in order, from one goroutine. Times count from the
// feed's first sample. An engine that fails is opened again, and hears again
// what it had not decided. Listen returns nil at the feed's end, the context's
// cause, or the error of an engine that refuses (ErrRefused, ErrNotConfigured)
// or has used up the patience.
func Listen(ctx context.Context, e Engine, o Options, f *Feed, p Patience, tell func(Result)) error {
	if p.First == 0 {
		p.First = 250 * time.Millisecond
	}
	if p.Most == 0 {
		p.Most = 5 * time.Second
	}
	wait, failures := p.First, 0
	for {
		progress, err := listenOnce(ctx, e, o, f, tell)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, ErrRefused), errors.Is(err, ErrNotConfigured):
			return err
		}
		if progress {
			wait, failures = p.First, 0
		}
		if failures++; p.Tries > 0 && failures >= p.Tries {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		wait = min(2*wait, p.Most)
		f.Rewind()
	}
}

// listenOnce runs one stream. progress reports whether it gave a result.
func listenOnce(ctx context.Context, e Engine, o Options, f *Feed, tell func(Result)) (progress bool, err error) {
	s, err := e.Open(ctx, o)
	if err != nil {
		return false, err
	}
	defer s.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, s.Close)() // no longer waits for last words
	base := newTimeline(f.Rewind())
	fed := make(chan error, 1)
	go func() {
		err := feedStream(ctx, s, f, base)
		if err != nil {
			s.Close() // the results end, and with them this try
		}
		fed <- err
	}()
	for r := range s.Results() {
		progress = true
		through := base.sample(r.Through)
		r.Start, r.End, r.Through = base.at(r.Start), base.at(r.End), Length(through)
		tell(r)
		if r.Kind == Final {
			f.Settle(through)
		}
	}
	if ctx.Err() != nil {
		return progress, context.Cause(ctx)
	}
	cancel(errStreamOver)
	if feedErr := <-fed; feedErr != nil && !errors.Is(feedErr, errStreamOver) {
		return progress, feedErr
	} else if feedErr != nil && s.Err() == nil {
		return progress, io.ErrUnexpectedEOF // it ended before the sound did
	}
	return progress, s.Err()
}

var errStreamOver = errors.New("the stream is over")

// feedStream sends the feed to a stream until it ends, which is no error.
func feedStream(ctx context.Context, s Stream, f *Feed, base *timeline) error {
	buf := make([]int16, chunk)
	for {
		n, at, err := f.Read(ctx, buf)
		if errors.Is(err, io.EOF) {
			return s.Finish(ctx)
		}
		if err != nil {
			return err
		}
		base.sent(at, n)
		if err := s.Write(ctx, buf[:n]); err != nil {
			return err
		}
	}
}
