package call

import (
	"context"
	"encoding/json"
	"time"

	"offhook/amd"
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
// with the call, or when the thresholds are wrong.
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
	select {
	case <-c.answered:
		listener.Answered()
	case <-ctx.Done():
		return amd.Verdict{}, context.Cause(ctx)
	}
	v, err := await(ctx, listener, listener.Decided(), o.Timeout+detectGrace)
	if err != nil {
		return amd.Verdict{}, err
	}
	if v.Result == amd.Machine && o.WaitBeep {
		if v, err = await(ctx, listener, listener.Ready(), o.BeepTimeout); err != nil {
			return amd.Verdict{}, err
		}
	}
	return listener.Close(), nil
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
