package call

import (
	"context"
	"encoding/json"
	"time"

	"offhook/amd"
	"offhook/resource"
)

// detectGrace is how much longer than its limit a detection may take by the
// wall clock, when the party's sound comes late or not at all.
const detectGrace = 500 * time.Millisecond

// DetectOptions bound answering machine detection.
type DetectOptions struct {
	Timeout     time.Duration   // from answer to the verdict at most
	WaitBeep    bool            // a machine's verdict waits until a message may start
	BeepTimeout time.Duration   // of that wait
	Thresholds  json.RawMessage // an object of the detector's named thresholds to be changed
}

// Detect listens to the party until it is known what answered. Before the
// answer it hears early media; the timeout runs from the answer. With WaitBeep
// it returns after a machine's beep, or after the end of its greeting and a
// silence, so that what is played next is recorded whole. It plays nothing and
// does not change what is played. It fails when ctx ends first, which it does
// with the call, or when the thresholds are wrong. The verdict's times are from
// the answer, or from the call of Detect when that comes later.
func (c *Call) Detect(ctx context.Context, o DetectOptions) (amd.Verdict, error) {
	config := amd.Defaults().WithLimit(o.Timeout)
	if err := config.Override(o.Thresholds); err != nil {
		return amd.Verdict{}, err
	}
	port := c.portNow()
	if port == nil {
		return amd.Verdict{}, ErrState
	}
	rate := c.rate()
	listener := amd.NewListener(rate, config)
	defer port.Attach(listener, rate)()
	early, err := c.heardBeforeAnswer(ctx)
	if err != nil {
		return amd.Verdict{}, err
	}
	listener.Answered()
	v, err := await(ctx, listener, listener.Decided(), o.Timeout+detectGrace)
	if err != nil {
		return amd.Verdict{}, err
	}
	if v.Result == amd.Machine && o.WaitBeep {
		if v, err = await(ctx, listener, listener.Ready(), o.BeepTimeout); err != nil {
			return amd.Verdict{}, err
		}
	}
	return since(listener.Close(), early), nil
}

// heardBeforeAnswer waits for the answer and returns how long that took; nothing
// when the call is up.
func (c *Call) heardBeforeAnswer(ctx context.Context) (time.Duration, error) {
	if c.status() == resource.StatusProgressing {
		return 0, nil
	}
	began := time.Now()
	select {
	case <-c.answered:
		return time.Since(began), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// since counts a verdict's times from after the early media.
func since(v amd.Verdict, early time.Duration) amd.Verdict {
	for _, at := range []*time.Duration{&v.DecidedAt, &v.GreetingEnd, &v.BeepAt, &v.BeepEnd, &v.Ready} {
		if *at != amd.None {
			*at = max(0, *at-early)
		}
	}
	return v
}

// await returns the verdict once c is closed or so much time has passed. An
// undecided detector has to decide then by what it heard.
func await(ctx context.Context, l *amd.Listener, c <-chan struct{}, limit time.Duration) (amd.Verdict, error) {
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	v, _ := l.Wait(timed, c)
	if ctx.Err() != nil {
		return v, context.Cause(ctx)
	}
	if v.Result == "" {
		v = l.Close()
	}
	return v, nil
}
