package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"offhook/flow"
	"offhook/flow/action"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

const adminKey = "the-administrators-key"

// bench is a server on a real store behind real HTTP.
type bench struct {
	testing.TB
	server *Server
	url    string
	db     *store.DB
	live   *fakeLive
	key    string
	mu     sync.Mutex
	events []resource.Event
}

func newBench(t testing.TB, configure ...func(*Config)) *bench {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b := &bench{TB: t, db: db, live: &fakeLive{db: db, calls: map[string]*fakeCall{}}, key: adminKey}
	db.OnCommit(func(es []resource.Event) {
		b.mu.Lock()
		b.events = append(b.events, es...)
		b.mu.Unlock()
	})
	cfg := Config{Store: db, Verbs: action.Verbs, Accesskey: adminKey, Live: b.live, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, f := range configure {
		f(&cfg)
	}
	if b.server, err = New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(b.server)
	t.Cleanup(web.Close)
	t.Cleanup(func() { b.server.Shutdown(context.Background()) })
	b.url = web.URL
	return b
}

// in is the same server in a subtest.
func (b *bench) in(t *testing.T) *bench {
	c := b.as(b.key)
	c.TB = t
	return c
}

// as is the same server with another access key.
func (b *bench) as(key string) *bench {
	return &bench{TB: b.TB, server: b.server, url: b.url, db: b.db, live: b.live, key: key}
}

// answer is a response, its body read.
type answer struct {
	*bench
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

// do sends a request. The body is JSON text.
func (b *bench) do(method, path, body string, header ...string) *answer {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if b.key != "" {
		req.Header.Set("Authorization", "Bearer "+b.key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	a := &answer{bench: b, status: res.StatusCode, header: res.Header, raw: raw}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) && res.Header.Get("Content-Type") != lineStream {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			b.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return a
}

func (b *bench) get(path string) *answer { b.Helper(); return b.do(http.MethodGet, path, "") }

func (b *bench) post(path, body string) *answer { b.Helper(); return b.do(http.MethodPost, path, body) }

func (b *bench) put(path, body string) *answer { b.Helper(); return b.do(http.MethodPut, path, body) }

func (b *bench) delete(path string) *answer { b.Helper(); return b.do(http.MethodDelete, path, "") }

// ok asks for success.
func (a *answer) ok() *answer {
	a.Helper()
	if a.status != http.StatusOK {
		a.Fatalf("answered %d: %s", a.status, a.raw)
	}
	return a
}

// refused asks for an error with a status and a reason, in our envelope.
func (a *answer) refused(status int, reason string) *answer {
	a.Helper()
	e := a.envelope()
	if a.status != status || e.Reason != reason {
		a.Fatalf("answered %d %s, want %d %s: %s", a.status, e.Reason, status, reason, a.raw)
	}
	if e.RequestID == "" || e.RequestID != a.header.Get("X-Request-Id") || e.Message == "" || e.Status == "" || e.Details == nil {
		a.Fatalf("incomplete envelope: %s", a.raw)
	}
	return a
}

func (a *answer) envelope() Error {
	a.Helper()
	var e envelope
	if err := json.Unmarshal(a.raw, &e); err != nil || e.Error == nil {
		a.Fatalf("no error envelope in %d %s", a.status, a.raw)
	}
	return *e.Error
}

// fault asks for a detail at a path.
func (a *answer) fault(path, reason string) *answer {
	a.Helper()
	for _, d := range a.envelope().Details {
		if d.Path == path && d.Reason == reason && d.Message != "" {
			return a
		}
	}
	a.Fatalf("no %s at %s: %s", reason, path, a.raw)
	return a
}

// has asks for fields of the answer, given as JSON.
func (a *answer) has(want string) *answer {
	a.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(want), &fields); err != nil {
		a.Fatalf("%v in %s", err, want)
	}
	for name, value := range fields {
		got, _ := json.Marshal(a.body[name])
		expected, _ := json.Marshal(value)
		if !bytes.Equal(got, expected) {
			a.Fatalf("%s is %s, want %s: %s", name, got, expected, a.raw)
		}
	}
	return a
}

func (a *answer) text(field string) string {
	a.Helper()
	s, ok := a.body[field].(string)
	if !ok {
		a.Fatalf("%s is no text: %s", field, a.raw)
	}
	return s
}

// list returns the ids of a page and the next token.
func (a *answer) list() (ids []string, next string) {
	a.Helper()
	var p struct {
		Result []struct{ ID string }
		Next   string `json:"next_page_token"`
	}
	if err := json.Unmarshal(a.ok().raw, &p); err != nil || p.Result == nil {
		a.Fatalf("no page: %v %s", err, a.raw)
	}
	for _, r := range p.Result {
		ids = append(ids, r.ID)
	}
	return ids, p.Next
}

// eventsOf are the events of a type that were committed by now.
func (b *bench) eventsOf(name string) (list []resource.Event) {
	b.Helper()
	if err := b.db.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Type == name {
			list = append(list, e)
		}
	}
	return list
}

// told returns the types of the committed events of an object.
func (b *bench) told(id string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	types := []string{}
	for _, e := range b.events {
		if e.ResourceID == id {
			types = append(types, e.Type)
		}
	}
	return types
}

// customer makes another customer and returns the server as it sees it.
func (b *bench) customer(name string) *bench {
	b.Helper()
	return b.as(b.post("/v1.0/customers", `{"id":"`+name+`","name":"`+name+`"}`).ok().text("accesskey"))
}

// fakeLive is an exchange without telephony: calls that keep what was asked
// of them.
type fakeLive struct {
	db       *store.DB
	mu       sync.Mutex
	calls    map[string]*fakeCall
	dialled  []CallRequest
	groups   []GroupRequest
	transfer []TransferRequest
	stopped  []string
}

// fakeCall implements what the API uses of a live call.
type fakeCall struct {
	flow.Player
	flow.Keypad
	flow.Recorder
	mu   sync.Mutex
	call resource.Call
	done []string
	live *fakeLive
}

func (f *fakeCall) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, what)
}

func (f *fakeCall) did() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.done, " ")
}

func (f *fakeCall) Snapshot() resource.Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.call
}

func (f *fakeCall) become(status string) {
	f.mu.Lock()
	f.call.Status = status
	row := f.call
	f.mu.Unlock()
	f.live.save(&row)
}

func (f *fakeCall) Answer(context.Context) error { f.become(resource.StatusProgressing); return nil }

func (f *fakeCall) Hangup(reason string) {
	f.mu.Lock()
	f.call.HangupReason = reason
	f.mu.Unlock()
	f.become(resource.StatusHangup)
	f.live.mu.Lock()
	delete(f.live.calls, f.call.CustomerID+"/"+f.call.ID)
	f.live.mu.Unlock()
}
func (f *fakeCall) HangupLike(string) { f.Hangup("normal") }
func (f *fakeCall) Mute(direction string) {
	f.note("mute:" + direction)
	f.mu.Lock()
	f.call.MuteDirection = direction
	f.mu.Unlock()
}
func (f *fakeCall) PlayInBackground(p flow.Prompt) { f.note("play:" + p.Text + p.URL) }
func (f *fakeCall) MusicStart(class string) error  { f.note("music:" + class); return nil }
func (f *fakeCall) MusicStop()                     { f.note("music:off") }
func (f *fakeCall) RecordStop(context.Context)     { f.note("record:off") }
func (f *fakeCall) RecordStart(_ context.Context, r flow.RecordRequest) (resource.Recording, error) {
	f.note("record:" + r.Format + ":" + r.Direction)
	return resource.Recording{}, nil
}

func (f *fakeCall) Send(_ context.Context, digits string, _, _ time.Duration) error {
	f.note("digits:" + digits)
	return nil
}

func (l *fakeLive) save(c *resource.Call) {
	err := l.db.Write(context.Background(), func(tx *store.Tx) error {
		if err := rows.Calls.Put(tx, c); err != nil {
			return rows.Calls.Insert(tx, c)
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
}

// place makes a call that is live.
func (l *fakeLive) place(customerID, id, status, direction string) *fakeCall {
	now := resource.Now()
	f := &fakeCall{live: l, call: resource.Call{
		Identity: resource.Identity{ID: id, CustomerID: customerID, TMCreate: now, TMUpdate: now}, Status: status, Direction: direction,
	}}
	l.mu.Lock()
	l.calls[customerID+"/"+id] = f
	l.mu.Unlock()
	row := f.call
	l.save(&row)
	return f
}

func (l *fakeLive) Host(customerID, callID string) (flow.Host, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.calls[customerID+"/"+callID]
	if !ok {
		return flow.Host{}, false
	}
	return flow.Host{Call: f, Player: f, Keypad: f, Recorder: f}, true
}

func (l *fakeLive) Media(_, _ string) *resource.CallMedia {
	return &resource.CallMedia{Codec: "PCMU", MOS: 4.4}
}

func (l *fakeLive) Dial(_ context.Context, r CallRequest) ([]resource.Call, []resource.Groupcall, error) {
	l.mu.Lock()
	l.dialled = append(l.dialled, r)
	l.mu.Unlock()
	var calls []resource.Call
	for _, to := range r.Destinations {
		id := r.ID
		if id == "" {
			id = resource.NewID()
		}
		f := l.place(r.CustomerID, id, resource.StatusDialing, resource.DirectionOutgoing)
		f.call.Source, f.call.Destination = r.Source, to
		calls = append(calls, f.Snapshot())
	}
	return calls, nil, nil
}

func (l *fakeLive) DialGroup(_ context.Context, r GroupRequest) (resource.Groupcall, error) {
	l.groups = append(l.groups, r)
	g := resource.Groupcall{Identity: resource.Identity{ID: r.ID, CustomerID: r.CustomerID}, Status: "progressing", RingMethod: r.RingMethod, AnswerMethod: r.AnswerMethod}
	return g, l.db.Write(context.Background(), func(tx *store.Tx) error { return rows.Groupcalls.Insert(tx, &g) })
}

func (l *fakeLive) HangupGroup(customerID, id string) error {
	l.stopped = append(l.stopped, id)
	return l.db.Write(context.Background(), func(tx *store.Tx) error {
		_, err := rows.Groupcalls.Update(tx, customerID, id, func(g *resource.Groupcall) error { g.Status = resource.StatusHangup; return nil })
		return err
	})
}

func (l *fakeLive) Hold(customerID, callID string, on bool) error {
	host, _ := l.Host(customerID, callID)
	f := host.Call.(*fakeCall)
	f.mu.Lock()
	f.call.Hold = on
	f.mu.Unlock()
	return nil
}

func (l *fakeLive) StartActiveflow(_ context.Context, r ActiveflowRequest) (resource.Activeflow, error) {
	a := resource.Activeflow{Identity: resource.Identity{ID: r.ID, CustomerID: r.CustomerID}, Status: "running", FlowID: r.FlowID, Variables: r.Variables}
	return a, l.db.Write(context.Background(), func(tx *store.Tx) error { return rows.Activeflows.Insert(tx, &a) })
}

func (l *fakeLive) StopActiveflow(customerID, id string) bool {
	l.stopped = append(l.stopped, id)
	return l.db.Write(context.Background(), func(tx *store.Tx) error {
		_, err := rows.Activeflows.Update(tx, customerID, id, func(a *resource.Activeflow) error { a.Status = "ended"; return nil })
		return err
	}) == nil
}

func (l *fakeLive) Transfer(_ context.Context, customerID string, r TransferRequest) (resource.Transfer, error) {
	l.transfer = append(l.transfer, r)
	t := resource.Transfer{
		Identity: resource.Identity{ID: resource.NewID(), CustomerID: customerID}, Type: r.Type, Status: "consulting",
		TransfererCallID: r.CallID, TransfereeAddresses: r.Destinations, TransfereeCallID: "consult", Context: r.Context,
	}
	return t, l.db.Write(context.Background(), func(tx *store.Tx) error { return rows.Transfers.Insert(tx, &t) })
}

func (l *fakeLive) TransferComplete(ctx context.Context, customerID, id string) (resource.Transfer, error) {
	return l.end(ctx, customerID, id, "completed")
}

func (l *fakeLive) TransferCancel(ctx context.Context, customerID, id string) (resource.Transfer, error) {
	return l.end(ctx, customerID, id, "canceled")
}

func (l *fakeLive) end(ctx context.Context, customerID, id, status string) (resource.Transfer, error) {
	t, err := rows.Transfers.Load(ctx, l.db, customerID, id)
	if err != nil {
		return resource.Transfer{}, err
	}
	if t.Status != "consulting" {
		return resource.Transfer{}, precondition("STATE_INVALID", "transfer %s is over", id)
	}
	t.Status = status
	return *t, l.db.Write(ctx, func(tx *store.Tx) error { return rows.Transfers.Put(tx, t) })
}
