package campaign

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// ErrClosed is returned while the dialer does not run.
var ErrClosed = errors.New("the dialer is stopped")

// Config is what a Dialer is made of.
type Config struct {
	DB     *store.DB
	Line   Line
	Logger *slog.Logger

	// Grace is how long after the start answers to calls of the last process may
	// still be heard; 0: 5 s.
	Grace time.Duration
}

// Dialer runs every campaign of this server. All methods may be called from any
// goroutine.
type Dialer struct {
	cfg  Config
	ctx  context.Context // of the owners
	end  context.CancelFunc
	work sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	sessions map[string]*session // by customer and campaign
	calls    map[string]place    // by customer and call, group of calls or activeflow

	dark     map[string]*darkTry // by the id of the call or groupcall
	answered map[string]bool     // calls of the last process that somebody answered

	numbers sync.Mutex // held while attempts that are limited by number are checked and written
}

// place is where an attempt is.
type place struct {
	session *session
	target  string
}

func key(customerID, id string) string { return customerID + "\x00" + id }

// New returns a dialer in which no campaign runs.
func New(cfg Config) *Dialer {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Grace = cmp.Or(cfg.Grace, strayGrace)
	d := &Dialer{
		cfg: cfg, sessions: map[string]*session{}, calls: map[string]place{},
		dark: map[string]*darkTry{}, answered: map[string]bool{},
	}
	d.ctx, d.end = context.WithCancel(context.Background())
	cfg.DB.OnCommit(d.observe)
	return d
}

// Start closes the attempts that the last process left open and lets the
// campaigns that ran then go on. The calls of the last process must be closed
// already.
func (d *Dialer) Start(ctx context.Context) error {
	if err := d.recover(ctx); err != nil {
		return err
	}
	all, err := rows.Campaigns.Everything(ctx, d.cfg.DB)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Status == statusStopping || c.Status == statusRun {
			d.mu.Lock()
			d.session(*c)
			d.mu.Unlock()
		}
	}
	return nil
}

// Stop places no more calls and waits until ctx ends for those that are up to
// be written down. The campaigns stay as they are and go on after Start of the
// next process.
func (d *Dialer) Stop(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.end()
	done := make(chan struct{})
	go func() { d.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// session returns a campaign's session, a new one if there is none. The caller
// holds the lock.
func (d *Dialer) session(row resource.Campaign) *session {
	k := key(row.CustomerID, row.ID)
	s := d.sessions[k]
	if s == nil {
		s = newSession(d, row)
		d.sessions[k] = s
		d.work.Go(func() { s.run(d.ctx) })
	}
	return s
}

// retire forgets a session that is over, unless there is news for it.
func (d *Dialer) retire(s *session) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.inbox) > 0 {
		return false
	}
	delete(d.sessions, key(s.row.CustomerID, s.row.ID))
	return true
}

// SetStatus runs or stops a campaign and returns it as it is then. One that has
// calls up is stopping until the last of them has ended.
func (d *Dialer) SetStatus(ctx context.Context, customerID, id, status string) (resource.Campaign, error) {
	row, err := rows.Campaigns.Load(ctx, d.cfg.DB, customerID, id)
	if err != nil {
		return resource.Campaign{}, err
	}
	d.mu.Lock()
	s := d.sessions[key(customerID, id)]
	if d.closed || s == nil && status != statusRun {
		closed := d.closed
		d.mu.Unlock()
		if closed {
			return resource.Campaign{}, ErrClosed
		}
		return *row, nil
	}
	s = d.session(*row)
	done := make(chan resource.Campaign, 1)
	s.post(func(time.Time) {
		s.command(d.ctx, status)
		done <- s.row
	})
	d.mu.Unlock()
	select {
	case row := <-done:
		return row, nil
	case <-d.ctx.Done():
		return resource.Campaign{}, ErrClosed
	case <-ctx.Done():
		return resource.Campaign{}, context.Cause(ctx)
	}
}

// follow runs the campaign that follows one that is over.
func (d *Dialer) follow(customerID, id string) {
	d.work.Go(func() {
		if _, err := d.SetStatus(d.ctx, customerID, id, statusRun); err != nil {
			d.cfg.Logger.Error("next campaign not started", "campaign", id, "error", err)
		}
	})
}

// find returns a running campaign's session, nil when there is none.
func (d *Dialer) find(customerID, id string) *session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sessions[key(customerID, id)]
}

// of returns the sessions of a customer.
func (d *Dialer) of(customerID string) []*session {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []*session
	for k, s := range d.sessions {
		if strings.HasPrefix(k, customerID+"\x00") {
			list = append(list, s)
		}
	}
	return list
}

// Changed heeds a resource that was created, changed or deleted: campaigns,
// outplans and targets; others mean nothing. It does not block.
func (d *Dialer) Changed(row any, deleted bool) {
	switch r := row.(type) {
	case *resource.Campaign:
		if deleted {
			d.uncount(r.CustomerID, r.ID)
		}
		if s := d.find(r.CustomerID, r.ID); s != nil {
			s.post(func(time.Time) { s.reload(d.ctx) })
		}
	case *resource.Outplan:
		for _, s := range d.of(r.CustomerID) {
			s.post(func(time.Time) { s.reload(d.ctx) })
		}
	case *resource.Outdial:
		for _, s := range d.of(r.CustomerID) {
			s.post(func(time.Time) { s.reload(d.ctx) })
		}
	case *resource.OutdialTarget:
		t := *r
		for _, s := range d.of(r.CustomerID) {
			s.post(func(time.Time) { s.heed(&t, deleted) })
		}
	}
}

// heed takes a target that was created or deleted.
func (s *session) heed(t *resource.OutdialTarget, deleted bool) {
	switch {
	case s.pacer == nil:
	case deleted:
		s.pacer.Drop(t.ID)
	default:
		s.add(t)
	}
}

func (d *Dialer) index(s *session, target string, ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		d.calls[key(s.row.CustomerID, id)] = place{s, target}
	}
}

func (d *Dialer) unindex(s *session, ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		delete(d.calls, key(s.row.CustomerID, id))
	}
}

// at returns where a call's attempt is.
func (d *Dialer) at(customerID, callID string) (place, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.calls[key(customerID, callID)]
	return p, ok
}

// observe is told of all committed events, on the store's writer: it looks up
// and posts, no more.
func (d *Dialer) observe(events []resource.Event) {
	for i := range events {
		e := &events[i]
		switch {
		case e.Type == event.AMDResult:
			d.observeVerdict(e)
		case e.Type == event.ActiveflowEnded:
			if p, ok := d.at(e.CustomerID, e.ResourceID); ok {
				p.session.post(func(now time.Time) { p.session.flowEnded(p.target, now) })
			}
		case e.Resource == "queuecall":
			d.observeQueuecall(e)
		case e.Resource == "agent":
			for _, s := range d.of(e.CustomerID) {
				s.post(func(time.Time) {}) // another agent may be free
			}
		}
	}
}

func (d *Dialer) observeVerdict(e *resource.Event) {
	p, ok := d.at(e.CustomerID, e.ResourceID)
	var data struct {
		Result string `json:"result"`
	}
	if ok && json.Unmarshal(e.Data, &data) == nil {
		p.session.post(func(time.Time) { p.session.verdict(p.target, data.Result) })
	}
}

func (d *Dialer) observeQueuecall(e *resource.Event) {
	var data struct {
		ReferenceID string `json:"reference_id"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return
	}
	p, ok := d.at(e.CustomerID, data.ReferenceID)
	if !ok {
		return
	}
	p.session.post(func(now time.Time) {
		switch e.Type {
		case event.QueuecallCreated, event.QueuecallWaiting:
			p.session.pacer.Queued(p.target, now)
		case event.QueuecallServiced:
			p.session.pacer.Served(p.target, now)
		}
	})
}

// flowEnded is the end of a flow that ran without a call.
func (s *session) flowEnded(target string, now time.Time) {
	if c := s.attempts[target]; c != nil && c.ReferenceType == "flow" {
		s.hear(target, c.ID, Signal{Ended: true, Answered: true, ActiveflowID: c.ReferenceID, HangupReason: causeNormal}, now)
	}
}
