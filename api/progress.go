package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"offhook/resource"
	"offhook/store"
)

// How often an import tells how far it is, besides where a phase begins: after
// so many lines, each of which is checked and stored, or so much time.
const (
	progressSteps = 2 * 5_000
	progressTime  = time.Second
)

const lineStream = "application/x-ndjson"

// progress tells how far an import is: by events, to show, and to a client that
// asked for lines, in the answer.
type progress struct {
	s     *Server
	r     *request
	event resource.Event
	show  func(resource.Import) // may be nil
	lines *json.Encoder         // nil: the client waits for the answer alone

	mu   sync.Mutex // of what follows, and of lines
	now  resource.Import
	told int // steps when it was told last
	at   time.Time
}

// begin starts to tell of an import of so many lines.
func (s *Server) begin(r *request, event resource.Event, show func(resource.Import), lines int) *progress {
	p := &progress{s: s, r: r, event: event, show: show}
	p.now = resource.Import{ID: resource.NewID(), Status: "checking", Lines: lines, TMCreate: resource.Now()}
	p.event.CustomerID = r.who.CustomerID
	if p.event.ResourceID == "" {
		p.event.ResourceID = p.now.ID
	}
	p.event.OrderKey = p.event.Resource + ":" + p.event.ResourceID
	if strings.Contains(r.Header.Get("Accept"), lineStream) {
		r.w.Header().Set("Content-Type", lineStream)
		p.lines = json.NewEncoder(r.w)
	}
	p.tell()
	return p
}

// checked counts a line that was held against the rules.
func (p *progress) checked(faults int, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Read++
	switch {
	case faults > 0:
		p.now.Bad++
	case known:
		p.now.Known++
	default:
		p.now.Accepted++
	}
	p.due()
}

// storing says that all lines are checked.
func (p *progress) storing() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Status = "storing"
	p.tell()
}

// stored counts rows that are in the store.
func (p *progress) stored(rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Stored += rows
	p.due()
}

func (p *progress) due() {
	if p.now.Read+p.now.Stored-p.told >= progressSteps || time.Since(p.at) >= progressTime {
		p.tell()
	}
}

// end says what became of the import, and gives what the handler returns: to a
// client that asked for lines the answer is the last of them.
func (p *progress) end(report any, err error) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Status = "done"
	if err != nil {
		p.now.Status = "failed"
	}
	p.tell()
	if p.lines == nil {
		return report, err
	}
	if err != nil {
		e, unexpected := asError(err)
		if unexpected {
			p.s.log.Error("import failed", "path", p.r.URL.Path, "request_id", p.r.w.Header().Get("X-Request-Id"), "error", err)
		}
		e.RequestID = p.r.w.Header().Get("X-Request-Id")
		report = envelope{e}
	}
	p.line(report)
	return handled{}, nil
}

func (p *progress) tell() {
	p.at, p.told = time.Now(), p.now.Read+p.now.Stored
	p.now.TMUpdate = resource.Now()
	if p.show != nil {
		p.show(p.now)
	}
	if p.lines != nil {
		p.line(p.now)
	}
	e, now := p.event, p.now
	p.s.db.Enqueue(func(tx *store.Tx) (err error) {
		if e.Data, err = json.Marshal(now); err != nil {
			return err
		}
		return tx.Emit(e)
	})
}

// line sends a line at once. A client that has gone ends the import by itself.
func (p *progress) line(v any) {
	if p.lines.Encode(v) == nil {
		_ = http.NewResponseController(p.r.w).Flush()
	}
}

// importKey names the outdial that an import goes to.
type importKey struct{ customerID, outdialID string }

// noteImport keeps how far an import into an outdial is.
func (s *Server) noteImport(customerID, outdialID string, i resource.Import) {
	s.imports.Store(importKey{customerID, outdialID}, i)
}

// showImport adds to an outdial how far its last import is.
func (s *Server) showImport(_ context.Context, o *resource.Outdial) {
	if i, ok := s.imports.Load(importKey{o.CustomerID, o.ID}); ok {
		last := i.(resource.Import)
		o.Import = &last
	}
}
