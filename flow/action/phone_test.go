package action_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"offhook/flow"
	"offhook/resource"
)

// phone is a Host in memory. It notes what verbs do, with the time since the
// start, and takes as long for it as a real call would.
type phone struct {
	t      *testing.T
	began  time.Time
	hangup context.CancelCauseFunc

	mu      sync.Mutex
	trace   []string
	call    resource.Call
	typed   string        // digits not collected yet
	pressed chan struct{} // closed and replaced at each digit
	events  []resource.Event
	states  []resource.Activeflow

	connects    []flow.ConnectResult // results of connect, in order
	talkFor     time.Duration        // how long a conversation lasts
	detection   flow.Detection
	flows       map[string][]resource.Action
	completes   map[string]string // on_complete_flow_id of flows
	answers     map[string]string // of the web, by URI
	assistNext  []resource.Action
	queueResult flow.QueueResult
	waitFlow    string
}

func newPhone(t *testing.T) *phone {
	return &phone{
		t: t, began: time.Now(), pressed: make(chan struct{}), talkFor: 30 * time.Second,
		flows: map[string][]resource.Action{}, completes: map[string]string{}, answers: map[string]string{},
		call: resource.Call{
			Identity: resource.Identity{ID: "call-1", CustomerID: "acme"}, Status: resource.StatusRinging,
			Direction:   resource.DirectionIncoming,
			Source:      resource.Address{Type: "tel", Target: "+15551110000", Name: "Ann"},
			Destination: resource.Address{Type: "tel", Target: "+15550000000"},
		},
	}
}

// host is everything; tests take away what they want missing.
func (p *phone) host() flow.Host {
	return flow.Host{
		Call: p, Player: p, Keypad: p, Connector: p, Recorder: p, Detector: p, Rooms: p, Queues: p,
		Transcribe: p, Assistant: p, Dialer: p, Documents: p, Web: web{p}, Journal: p,
	}
}

// note writes a line of the trace.
func (p *phone) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trace = append(p.trace, fmt.Sprintf("%7.3f  ", time.Since(p.began).Seconds())+fmt.Sprintf(format, args...))
}

// lines returns the trace without times.
func (p *phone) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for _, l := range p.trace {
		lines = append(lines, l[9:])
	}
	return lines
}

// during waits d, or until the call ends.
func during(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// press types digits, from the test's goroutine.
func (p *phone) press(digits string) {
	p.note("(presses %s)", digits)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.typed += digits
	close(p.pressed)
	p.pressed = make(chan struct{})
}

func (p *phone) pending() (string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.typed, p.pressed
}

func (p *phone) Snapshot() resource.Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.call
}

func (p *phone) Answer(context.Context) error {
	p.mu.Lock()
	was := p.call.Status
	p.call.Status = resource.StatusProgressing
	p.mu.Unlock()
	if was != resource.StatusProgressing {
		p.note("answer")
	}
	return nil
}

func (p *phone) end(reason string) {
	p.mu.Lock()
	first := p.call.Status != resource.StatusHangup
	p.call.Status = resource.StatusHangup
	if first {
		p.call.HangupReason = reason
	}
	p.mu.Unlock()
	if first {
		p.note("hangup %s", reason)
	}
	if p.hangup != nil {
		p.hangup(flow.ErrHangup)
	}
}

func (p *phone) Hangup(reason string)     { p.end(reason) }
func (p *phone) HangupLike(callID string) { p.end("like " + callID) }
func (p *phone) Mute(direction string)    { p.note("mute %q", direction) }

func (p *phone) Play(ctx context.Context, q flow.Prompt) error {
	what, long := q.URL, 2*time.Second
	switch q.Kind {
	case flow.PromptText:
		what, long = fmt.Sprintf("%q %s", q.Text, q.Language), time.Duration(len(q.Text))*50*time.Millisecond
	case flow.PromptBeep:
		what, long = "beep", 200*time.Millisecond
	case flow.PromptRecording:
		what = "recording " + q.Recording
	}
	if strings.Contains(what, "missing") {
		p.note("play %s: missing", what)
		return errors.New("no such file")
	}
	p.note("play %s", what)
	if !q.StopOnDigit {
		return during(ctx, long)
	}
	typed, next := p.pending()
	if typed != "" {
		return nil
	}
	select {
	case <-next:
		p.note("play stopped by a digit")
		return nil
	case <-time.After(long):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *phone) PlayInBackground(q flow.Prompt) { p.note("play in background %q", q.Text) }
func (p *phone) Echo(ctx context.Context, d time.Duration) error {
	p.note("echo %v", d)
	return during(ctx, d)
}
func (p *phone) MusicStart(class string) error { p.note("music %s", class); return nil }
func (p *phone) MusicStop()                    { p.note("music stops") }

func (p *phone) Collect(ctx context.Context, r flow.CollectRequest) (string, error) {
	p.note("collect length=%d keys=%q for %v", r.Length, r.Keys, r.Duration)
	var timeout <-chan time.Time
	if r.Duration > 0 {
		timeout = time.After(r.Duration)
	}
	got := ""
	for {
		typed, next := p.pending()
		for typed != "" {
			key := typed[:1]
			typed = typed[1:]
			p.mu.Lock()
			p.typed = typed
			p.mu.Unlock()
			if r.Keys != "" && strings.Contains(r.Keys, key) {
				return got, nil
			}
			if got += key; r.Length > 0 && len(got) >= r.Length {
				return got, nil
			}
		}
		select {
		case <-next:
		case <-timeout:
			return got, nil
		case <-ctx.Done():
			return got, context.Cause(ctx)
		}
	}
}

func (p *phone) Send(ctx context.Context, digits string, on, gap time.Duration) error {
	p.note("send %s on=%v gap=%v", digits, on, gap)
	return during(ctx, time.Duration(len(digits))*(on+gap))
}

func (p *phone) Connect(ctx context.Context, r flow.ConnectRequest) (flow.ConnectResult, error) {
	var targets []string
	for _, d := range r.Destinations {
		targets = append(targets, d.Type+":"+d.Target)
	}
	line := fmt.Sprintf("connect %s ring=%v", strings.Join(targets, ","), r.RingTimeout)
	if r.Source != nil {
		line += " from=" + r.Source.Target
	}
	if w := r.Whisper; w != nil {
		line += fmt.Sprintf(" whisper=%q recording=%s keys=%s/%s timeout=%v", w.Message, w.PlayRecording, w.AcceptKey, w.RejectKey, w.Timeout)
	}
	p.note("%s", line)
	result := flow.ConnectResult{Result: "answered", CallID: "callee-1"}
	if len(p.connects) > 0 {
		result, p.connects = p.connects[0], p.connects[1:]
	}
	if result.Result != "answered" {
		return result, during(ctx, r.RingTimeout)
	}
	return result, during(ctx, p.talkFor)
}

func (p *phone) Dial(_ context.Context, r flow.DialRequest) ([]resource.Call, []resource.Groupcall, error) {
	line := fmt.Sprintf("dial %s from=%s flow=%s early=%v master=%s vars=%v", r.Destinations[0].Target, r.Source.Target, r.FlowID, r.EarlyExecution, r.MasterCallID, r.Variables)
	for _, a := range r.Actions {
		line += " " + a.Type + string(a.Option)
	}
	p.note("%s", line)
	return nil, nil, nil
}

func (p *phone) RecordStart(_ context.Context, r flow.RecordRequest) (resource.Recording, error) {
	p.note("record %s %s mix=%v duration=%v silence=%v keys=%q beep=%v then=%q", r.Direction, r.Format, r.Mix, r.Duration, r.Silence, r.EndKeys, r.Beep, r.OnEndFlowID)
	return resource.Recording{Identity: resource.Identity{ID: "rec-1"}, Format: r.Format, ReferenceType: "call", ReferenceID: "call-1"}, nil
}
func (p *phone) RecordStop(context.Context) { p.note("record stops") }
func (p *phone) RecordVoice(ctx context.Context, r flow.RecordRequest) (resource.Recording, error) {
	p.note("record voice duration=%v silence=%v keys=%q beep=%v", r.Duration, r.Silence, r.EndKeys, r.Beep)
	return resource.Recording{Identity: resource.Identity{ID: "voice-1"}, Format: r.Format}, during(ctx, r.Duration)
}

func (p *phone) Detect(ctx context.Context, r flow.DetectRequest) (flow.Detection, error) {
	p.note("detect timeout=%v beep=%v/%v thresholds=%s", r.Timeout, r.WaitBeep, r.BeepTimeout, r.Thresholds)
	return p.detection, during(ctx, time.Duration(p.detection.DecidedMS)*time.Millisecond)
}

func (p *phone) JoinConference(ctx context.Context, r flow.Room) (string, error) {
	p.note("conference %s role=%s mute=%v create=%v", r.ConferenceID, r.Role, r.MuteOnJoin, r.Create)
	if r.ConferenceID == "unknown" {
		return "not_found", nil
	}
	return "joined", during(ctx, p.talkFor)
}

func (p *phone) JoinQueue(ctx context.Context, id string, run *flow.Run) (flow.QueueResult, error) {
	p.note("queue %s", id)
	if p.waitFlow != "" {
		wait, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		for wait.Err() == nil {
			if err := run.Perform(wait, p.waitFlow); err != nil && wait.Err() == nil {
				return flow.QueueResult{Result: "failed"}, err
			}
		}
		if ctx.Err() != nil {
			return flow.QueueResult{Result: "abandoned"}, context.Cause(ctx)
		}
	}
	if p.queueResult.Result != "" {
		return p.queueResult, nil
	}
	return flow.QueueResult{Result: "answered", AgentID: "alice", QueuecallID: "qc-1"}, during(ctx, p.talkFor)
}

func (p *phone) TranscribeStart(_ context.Context, r flow.TranscribeRequest) (string, error) {
	p.note("transcribe %s %s", r.Direction, r.Language)
	return "tr-1", nil
}
func (p *phone) TranscribeStop(context.Context) { p.note("transcribe stops") }
func (p *phone) TranscribeRecordings(_ context.Context, r flow.TranscribeRequest) error {
	p.note("transcribe recordings %s", r.Language)
	return nil
}

func (p *phone) Assist(ctx context.Context, r flow.AssistRequest, _ *flow.Run) (string, []resource.Action, error) {
	p.note("%s %s for %v %s", r.Verb, r.AIID, r.Duration, r.Option)
	return "done", p.assistNext, during(ctx, 5*time.Second)
}

func (p *phone) Flow(_ context.Context, customerID, id string) (*resource.Flow, error) {
	actions, ok := p.flows[id]
	if !ok || customerID != "acme" {
		return nil, fmt.Errorf("flow %s is unknown", id)
	}
	return &resource.Flow{Identity: resource.Identity{ID: id}, Actions: actions, OnCompleteFlowID: p.completes[id]}, nil
}

// web is the phone's Web, since a Keypad sends too.
type web struct{ p *phone }

func (w web) Send(ctx context.Context, customerID, method, uri, contentType string, body []byte) (int, []byte, error) {
	w.p.note("%s %s %s %s", method, uri, contentType, body)
	if err := during(ctx, 100*time.Millisecond); err != nil {
		return 0, nil, err
	}
	answer, ok := w.p.answers[uri]
	switch {
	case strings.Contains(uri, "unreachable"):
		return 0, nil, errors.New("connection refused")
	case !ok:
		return 404, nil, nil
	}
	return 200, []byte(answer), nil
}

func (p *phone) Changed(a resource.Activeflow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states = append(p.states, a)
}

func (p *phone) Emit(e resource.Event) {
	p.mu.Lock()
	p.events = append(p.events, e)
	p.mu.Unlock()
	if !strings.HasPrefix(e.Type, "activeflow_") {
		p.note("event %s %s", e.Type, e.Data)
	} else if e.Type == "activeflow_action_failed" {
		p.note("event %s", e.Type)
	}
}
