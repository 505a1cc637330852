package call

import (
	"context"
	"time"

	"offhook/media/tone"
	"offhook/resource"
)

// Whisper is what a callee alone hears before the conversation.
type Whisper struct {
	Message   Prompt // spoken first
	Recording string // then this recording: an id or a URL
	AcceptKey string // connects
	RejectKey string // ends the callee's call
	Timeout   time.Duration
}

// ConnectOptions describe a conversation to set up.
type ConnectOptions struct {
	Source       *resource.Address // nil: who the call came from
	Destinations []resource.Address
	RingTimeout  time.Duration
	Linear       bool
	EarlyMedia   bool
	RelayReason  bool
	Anonymous    string
	Whisper      *Whisper
	// Placed is told of every call that is placed. May be nil.
	Placed func(*Call)
	// Waiting says that the caller has its own sound while others ring (a
	// queue's wait flow), so there is no ringback.
	Waiting bool
	// Talking is called when the conversation begins. May be nil.
	Talking func(callee *Call)
}

// ConnectResult is how a conversation went.
type ConnectResult struct {
	Result string // one of the Connect… constants
	CallID string // who answered
	Cause  Cause  // why nobody did
}

// Connect rings the destinations and lets the call talk to the first that
// answers, until one of them hangs up. It returns when that is over or nobody
// answered, with an error only when the call itself has ended.
func (c *Call) Connect(ctx context.Context, o ConnectOptions) (ConnectResult, error) {
	res := &ConnectResult{}
	mine, err := c.meet(ctx, &o, res)
	if mine == nil {
		return *res, err
	}
	err = mine.sitOut(ctx)
	if err == nil && o.RelayReason {
		c.relay(CauseOf(ReasonNormal))
	}
	return *res, err
}

// meet is Connect until the conversation; nil when there is none. It is a
// function of its own because what it has on the stack would stay there as long
// as the conversation lasts.
func (c *Call) meet(ctx context.Context, o *ConnectOptions, res *ConnectResult) (*seat, error) {
	var callee *Call
	callee, *res = c.reach(ctx, o)
	if callee == nil {
		c.stage.set(layerRinging, nil)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if o.RelayReason {
			c.relay(res.Cause)
		}
		return nil, nil
	}
	return c.sitWith(ctx, callee, o.Talking)
}

// reach gets somebody to talk to: it rings, and lets the callee hear the
// whisper.
func (c *Call) reach(ctx context.Context, o *ConnectOptions) (*Call, ConnectResult) {
	if o.Source != nil && o.Source.Target != "" && !c.x.mayShow(ctx, c.CustomerID(), *o.Source) {
		c.log().Warn("nobody is connected", "source", o.Source.Target, "error", ErrSource)
		return nil, ConnectResult{Result: ConnectFailed, Cause: CauseOf(ReasonFailed)}
	}
	early := &earlySound{caller: c}
	defer early.end()
	if !o.Waiting {
		c.ringback()
	}
	r := ringOptions{
		customerID: c.CustomerID(), source: c.callerID(o.Source), destinations: o.Destinations,
		timeout: o.RingTimeout, linear: o.Linear, master: c, anonymous: o.Anonymous, onCall: o.Placed,
	}
	if o.EarlyMedia {
		r.onEarly = early.begin
	}
	callee, cause := c.x.ring(ctx, r)
	if callee == nil {
		return nil, ConnectResult{Result: cause.Connect, Cause: cause}
	}
	res := ConnectResult{Result: ConnectAnswered, CallID: callee.ID()}
	if o.Whisper == nil {
		return callee, res
	}
	if verdict := callee.whisper(ctx, o.Whisper); verdict != ConnectAnswered {
		callee.Hangup(CauseOf(ReasonNormal))
		cause := CauseOf(ReasonNoAnswer)
		cause.Connect = verdict
		return nil, ConnectResult{Result: verdict, CallID: callee.ID(), Cause: cause}
	}
	return callee, res
}

// callerID is what the callee sees: the given source, else who the call is
// from. A call that we placed is ours, so its source is.
func (c *Call) callerID(given *resource.Address) resource.Address {
	if given != nil && given.Target != "" {
		return *given
	}
	return c.row.Source
}

// ringback lets an answered caller hear that somebody is rung, unless it has
// music.
func (c *Call) ringback() {
	if c.status() == resource.StatusProgressing && !c.stage.has(layerMusic) {
		c.stage.set(layerRinging, tone.New(c.rate(), tone.Ringback()))
	}
}

// relay ends the call as its callee ended.
func (c *Call) relay(cause Cause) {
	if cause.Status < 300 {
		cause.Status = CauseOf(cause.Reason).Status
	}
	cause.Remote = false
	c.Hangup(cause)
}

// sitWith seats both in a conversation and answers the caller. They sit before
// the answer, so that nothing of the first words is lost, and a phone that acts
// on the answer finds them there. begun may be nil.
func (c *Call) sitWith(ctx context.Context, callee *Call, begun func(callee *Call)) (mine *seat, err error) {
	v := c.x.newConversation()
	arrived := v.expect()
	defer arrived()
	if mine, err = v.join(c); err == nil {
		if theirs, err := v.join(callee); err == nil {
			callee.endWith(theirs)
		}
		if err = c.Answer(ctx); err != nil {
			mine.leave()
		}
	}
	if err != nil {
		callee.Hangup(CauseOf(ReasonNormal))
		return nil, err
	}
	if begun != nil {
		begun(callee)
	}
	return mine, nil
}

// sitOut returns when the seat has been given up; when ctx ends, it gives it up.
func (s *seat) sitOut(ctx context.Context) error {
	select {
	case <-s.left:
	case <-ctx.Done():
		s.leave()
	}
	return context.Cause(ctx)
}

// endWith hangs a callee up when it has left its conversation: it has no flow
// of its own.
func (c *Call) endWith(s *seat) {
	context.AfterFunc(s.gone, func() { c.Hangup(CauseOf(ReasonNormal)) })
}

// earlySound lets a caller hear a callee that sends sound before its answer.
type earlySound struct {
	caller *Call
	talk   *conversation
	seats  []*seat
}

// begin is called with the first callee that sends.
func (e *earlySound) begin(callee *Call) {
	if err := e.caller.EarlyMedia(); err != nil {
		e.caller.log().Debug("early media", "error", err)
		return
	}
	e.talk = e.caller.x.newConversation()
	e.talk.early = true
	arrived := e.talk.expect()
	for _, c := range []*Call{e.caller, callee} {
		if s, err := e.talk.join(c); err == nil {
			e.seats = append(e.seats, s)
		}
	}
	arrived()
}

func (e *earlySound) end() {
	for _, s := range e.seats {
		s.leave()
	}
}

// whisper lets the callee hear who calls and returns what it wants:
// ConnectAnswered, or ConnectWhisperRejected.
func (c *Call) whisper(ctx context.Context, w *Whisper) string {
	keys, stop := c.keys.watch()
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		c.perform(ctx, w.Message)
		if w.Recording != "" {
			c.perform(ctx, Prompt{Kind: PromptRecording, Recording: w.Recording})
		}
	}()
	var late <-chan time.Time
	for {
		select {
		case k := <-keys:
			if string(k.Key) == w.AcceptKey {
				c.keys.clear()
				return ConnectAnswered
			}
			if string(k.Key) == w.RejectKey {
				return ConnectWhisperRejected
			}
		case <-spoken:
			t := time.NewTimer(w.Timeout)
			defer t.Stop()
			spoken, late = nil, t.C
		case <-late:
			return ConnectWhisperRejected
		case <-c.ctx.Done():
			return ConnectWhisperRejected
		case <-ctx.Done():
			return ConnectNoAnswer
		}
	}
}

// perform plays a prompt to the party; one that fails is logged and skipped.
func (c *Call) perform(ctx context.Context, p Prompt) {
	if err := c.Play(ctx, p); err != nil && ctx.Err() == nil {
		c.log().Warn("whisper", "error", err)
	}
}
