package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// session is a campaign that runs, or whose last calls are still up. One
// goroutine owns everything but the inbox.
type session struct {
	d    *Dialer
	book ledger

	row      resource.Campaign
	plan     resource.Outplan
	pacer    *Pacer
	loaded   string // the outdial whose targets the pacer has
	attempts map[string]*resource.Campaigncall
	refs     map[string][]string // call ids by target, for the dialer's index
	hours    *clocks             // of the targets
	shown    time.Time           // when waiting_for was written last
	over     bool
	gone     chan struct{} // closed when the owner has ended

	told      time.Time // when the progress was told last
	toldCount int

	mu    sync.Mutex
	inbox []func(now time.Time)
	news  chan struct{}
}

func newSession(d *Dialer, row resource.Campaign) *session {
	return &session{
		d: d, book: ledger{d.cfg.DB}, row: row, attempts: map[string]*resource.Campaigncall{},
		refs: map[string][]string{}, gone: make(chan struct{}), news: make(chan struct{}, 1),
	}
}

// post has the owner run a job; it never blocks.
func (s *session) post(job func(now time.Time)) {
	s.mu.Lock()
	s.inbox = append(s.inbox, job)
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// take empties the inbox.
func (s *session) take() []func(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := s.inbox
	s.inbox = nil
	return jobs
}

// run owns the campaign until it has stopped or ctx ends.
func (s *session) run(ctx context.Context) {
	defer close(s.gone)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for _, job := range s.take() {
			job(time.Now())
		}
		wake := s.turn(ctx)
		if s.over && s.d.retire(s) {
			return
		}
		if wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(wake))
		}
		select {
		case <-s.news:
		case <-timer.C:
		case <-ctx.Done():
			for _, job := range s.take() { // the last calls' ends
				job(time.Now())
			}
			return
		}
	}
}

// turn does all that is due and returns when there is more; the zero time: when
// something happens.
func (s *session) turn(ctx context.Context) time.Time {
	switch s.row.Status {
	case statusRun:
		wake, err := s.dial(ctx)
		if err == nil || ctx.Err() != nil {
			return wake
		}
		s.d.cfg.Logger.Error("campaign stopped", "campaign", s.row.ID, "error", err)
		s.become(ctx, statusStop, err.Error())
	case statusStopping:
		if len(s.attempts) == 0 {
			s.become(ctx, statusStop, "")
		}
	}
	s.over = s.row.Status == statusStop && len(s.attempts) == 0
	return time.Time{}
}

// dial places what may be placed now.
func (s *session) dial(ctx context.Context) (time.Time, error) {
	if err := s.load(ctx); err != nil {
		return time.Time{}, err
	}
	for {
		var staff Agents
		if s.row.QueueID != "" {
			staff = s.d.cfg.Line.Staff(s.row.CustomerID, s.row.QueueID)
		}
		now := time.Now()
		choices, why, wake := s.pacer.Next(now, staff)
		if len(choices) > 0 {
			if err := s.place(ctx, choices); err != nil {
				return time.Time{}, err
			}
			continue
		}
		if why == WaitTargets && s.d.inTheDark(s.row.CustomerID, s.row.ID, "") {
			why = waitNothing
		}
		if why == WaitTargets && s.row.EndHandle != "continue" {
			s.finish(ctx)
			return time.Time{}, nil
		}
		return earliest(earliest(wake, s.show(ctx, now, why)), s.tell(now)), nil
	}
}

// place writes attempts down and starts them.
func (s *session) place(ctx context.Context, choices []Choice) error {
	list, err := s.begin(ctx, choices)
	if err != nil {
		for _, c := range choices {
			s.pacer.Undo(c.Target, time.Now())
		}
		return err
	}
	for i := range list {
		if err := s.start(ctx, &list[i]); err != nil {
			s.giveBack(list[i:])
			if errors.Is(err, ErrBusy) {
				s.pacer.Pause(time.Now().Add(busyPause))
				return nil
			}
			return err
		}
	}
	return nil
}

// busyPause is how long a campaign waits when no more calls can be placed.
const busyPause = 2 * time.Second

// giveBack undoes attempts that were written but not started.
func (s *session) giveBack(list []begun) {
	for _, b := range list {
		s.pacer.Undo(b.choice.Target, time.Now())
		s.forget(b.choice.Target)
		s.book.undo(b.call)
	}
}

// start starts one attempt.
func (s *session) start(ctx context.Context, b *begun) error {
	target := b.choice.Target
	c := b.call
	s.attempts[target] = &c
	s.index(target, c.ReferenceID)
	a := Attempt{
		CustomerID: c.CustomerID, ReferenceID: c.ReferenceID, Flow: c.ReferenceType == "flow",
		Source: c.Source, Destination: c.Destination, RingTimeout: s.ringTimeout(),
		FlowID: s.row.FlowID, Actions: s.row.Actions, Variables: variables(&s.row, b),
	}
	if s.row.QueueID != "" {
		a.FlowID, a.Actions = "", withQueue(&s.row)
	}
	ids, err := s.d.cfg.Line.Place(ctx, a, func(g Signal) {
		s.post(func(now time.Time) { s.hear(target, c.ID, g, now) })
	})
	if err != nil {
		return err
	}
	s.index(target, ids...)
	return nil
}

// ringTimeout is the campaign's, else the outplan's.
func (s *session) ringTimeout() time.Duration {
	ms := s.row.DialTimeout
	if ms == 0 {
		ms = s.plan.DialTimeout
	}
	return time.Duration(ms) * time.Millisecond
}

// withQueue is what a call does when it joins the queue after the flow.
func withQueue(c *resource.Campaign) []resource.Action {
	actions := slices.Clone(c.Actions)
	if c.FlowID != "" {
		actions = []resource.Action{{Type: "fetch_flow", Option: option("flow_id", c.FlowID)}}
	}
	return append(actions, resource.Action{Type: "queue_join", Option: option("queue_id", c.QueueID)})
}

func option(name, value string) []byte { return fmt.Appendf(nil, "{%q:%q}", name, value) }

// hear takes what became of an attempt.
func (s *session) hear(target, callID string, g Signal, now time.Time) {
	c := s.attempts[target]
	if c == nil || c.ID != callID {
		return
	}
	if g.ActiveflowID != "" {
		c.ActiveflowID = g.ActiveflowID
	}
	if !g.Ended || g.Answered {
		s.pacer.Answered(target, now)
	}
	if !g.Ended {
		c.Status, c.TMAnswered = callProgressing, stamp(now)
		s.book.answered(*c)
		return
	}
	if g.Answered && c.TMAnswered == nil {
		c.TMAnswered = stamp(now)
	}
	o := s.pacer.Ended(target, now, g.HangupReason)
	c.Status, c.Result, c.HangupReason, c.TMEnd = callDone, "fail", g.HangupReason, resource.Now()
	c.Abandoned = o.Abandoned
	if o.Success {
		c.Result = "success"
	}
	s.book.ended(*c, o)
	s.forget(target)
}

// stamp is a time as rows carry it.
func stamp(t time.Time) *time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

// verdict takes what answering machine detection found.
func (s *session) verdict(target, result string) {
	s.pacer.Verdict(target, result)
	if c := s.attempts[target]; c != nil {
		c.AMDResult = result
		s.book.answered(*c)
	}
}

// index lets the dialer find an attempt by its calls.
func (s *session) index(target string, ids ...string) {
	s.refs[target] = append(s.refs[target], ids...)
	s.d.index(s, target, ids)
}

// forget ends what is kept of an attempt.
func (s *session) forget(target string) {
	s.d.unindex(s, s.refs[target])
	delete(s.refs, target)
	delete(s.attempts, target)
}

// shownFor is how long a reason to wait is shown at least, so that a campaign
// at its limit does not tell each call's coming and going.
const shownFor = time.Second

// show makes users see why the campaign waits. It returns when a reason that is
// too fresh has to be looked at again.
func (s *session) show(ctx context.Context, now time.Time, why string) time.Time {
	if why == s.row.WaitingFor {
		return time.Time{}
	}
	if at := s.shown.Add(shownFor); why != WaitSchedule && now.Before(at) {
		return at
	}
	s.update(ctx, event.CampaignUpdated, func(c *resource.Campaign) { c.WaitingFor = why })
	s.shown = now
	return time.Time{}
}

// finish ends a campaign that has nobody left, and starts the one that follows.
func (s *session) finish(ctx context.Context) {
	s.become(ctx, statusStop, WaitTargets)
	s.over = true
	if next := s.row.NextCampaignID; next != "" {
		s.d.follow(s.row.CustomerID, next)
	}
}

// Statuses of campaigns.
const (
	statusRun      = "run"
	statusStopping = "stopping"
	statusStop     = "stop"
)

var statusEvents = map[string]string{
	statusRun: event.CampaignRun, statusStopping: event.CampaignStopping, statusStop: event.CampaignStop,
}

// become changes the campaign's status.
func (s *session) become(ctx context.Context, status, waitingFor string) {
	s.update(ctx, statusEvents[status], func(c *resource.Campaign) { c.Status, c.WaitingFor = status, waitingFor })
	s.row.Status, s.row.WaitingFor = status, waitingFor
	if status == statusStop && s.pacer != nil {
		s.tell(time.Now())
	}
}

// update writes a change of the campaign's row.
func (s *session) update(ctx context.Context, name string, fn func(*resource.Campaign)) {
	row, err := s.book.setStatus(ctx, s.row.CustomerID, s.row.ID, name, fn)
	if err != nil {
		fn(&s.row)
		s.d.cfg.Logger.Error("campaign not written", "campaign", s.row.ID, "error", err)
		return
	}
	s.row = *row
}

// command runs or stops the campaign.
func (s *session) command(ctx context.Context, status string) {
	switch {
	case status == statusRun && s.row.Status != statusRun:
		s.over = false
		s.become(ctx, statusRun, "")
	case status == statusStop && s.row.Status == statusRun && len(s.attempts) > 0:
		s.become(ctx, statusStopping, "")
	case status == statusStop && s.row.Status == statusRun:
		s.become(ctx, statusStop, "")
	}
}

// reload reads the campaign's row and outplan again.
func (s *session) reload(ctx context.Context) {
	row, err := rows.Campaigns.Load(ctx, s.d.cfg.DB, s.row.CustomerID, s.row.ID)
	if err != nil {
		return // deleted, which only a stopped one can be
	}
	row.Status, row.WaitingFor = s.row.Status, s.row.WaitingFor
	s.row = *row
	if s.pacer == nil {
		return
	}
	plan, rules, err := s.rules(ctx)
	if err != nil {
		s.d.cfg.Logger.Warn("campaign goes on by its old rules", "campaign", s.row.ID, "error", err)
		return
	}
	s.plan = *plan
	s.pacer.SetRules(rules)
	if !sameHours(s.row.CallingHours, s.hours.hours) {
		s.loaded = "" // the targets are read again with the new hours
	}
}

func sameHours(a, b *resource.Hours) bool { return a == b || a != nil && b != nil && *a == *b }

func (s *session) rules(ctx context.Context) (*resource.Outplan, Rules, error) {
	plan, err := rows.Outplans.Load(ctx, s.d.cfg.DB, s.row.CustomerID, s.row.OutplanID)
	if err != nil {
		return nil, Rules{}, fmt.Errorf("outplan %q: %w", s.row.OutplanID, err)
	}
	rules, err := NewRules(&s.row, plan)
	return plan, rules, err
}

// load reads the campaign's targets, unless that is done.
func (s *session) load(ctx context.Context) error {
	if s.loaded == s.row.OutdialID && s.loaded != "" {
		return nil
	}
	plan, rules, err := s.rules(ctx)
	if err != nil {
		return err
	}
	s.plan = *plan
	if s.pacer == nil {
		s.pacer = NewPacer(rules)
		if err := s.recount(ctx); err != nil {
			return err
		}
	}
	s.pacer.SetRules(rules)
	s.pacer.Clear()
	s.hours = newClocks(s.row.CallingHours)
	targets, err := targetsOf(ctx, s.d.cfg.DB, s.row.CustomerID, s.row.OutdialID)
	if err != nil {
		return err
	}
	for _, t := range targets {
		s.add(t)
	}
	s.loaded = s.row.OutdialID
	return nil
}

// recount takes what was counted of the campaign from the store.
func (s *session) recount(ctx context.Context) error {
	if err := s.d.cfg.DB.Flush(ctx); err != nil {
		return err
	}
	n, err := s.d.counted(ctx, s.row.CustomerID, s.row.ID)
	if err == nil {
		s.pacer.Begin(n)
	}
	return err
}

// add makes a target known to the pacer.
func (s *session) add(t *resource.OutdialTarget) {
	if s.pacer == nil || t.OutdialID != s.row.OutdialID || t.Status == targetDone || s.attempts[t.ID] != nil ||
		t.Status == targetProgressing && s.d.inTheDark(t.CustomerID, s.row.ID, t.ID) {
		return
	}
	p := personOf(t, &s.pacer.rules, s.hours)
	if !s.pacer.Add(p) && p.Tries != ([destinations]int{}) {
		if _, left := p.next(&s.pacer.rules); !left {
			s.book.exhaust(t.CustomerID, t.ID)
		}
	}
}

// targetsOf returns the targets of an outdial, oldest first.
func targetsOf(ctx context.Context, db *store.DB, customerID, outdialID string) ([]*resource.OutdialTarget, error) {
	if outdialID == "" {
		return nil, errors.New("the campaign has no outdial")
	}
	var all []*resource.OutdialTarget
	page := store.Page{Size: 1000}
	for {
		list, next, err := rows.OutdialTargets.List(ctx, db, customerID, page, store.Filter{Key: rows.KeyParent, Value: outdialID})
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if next == "" {
			slices.Reverse(all)
			return all, nil
		}
		page.Token = next
	}
}
