package conference_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"offhook/call"
	"offhook/call/callflow"
	"offhook/call/conference"
	"offhook/call/phone"
	"offhook/flow"
	"offhook/flow/action"
	"offhook/media"
	"offhook/media/audio"
	"offhook/media/tone"
	"offhook/resource"
	"offhook/sip"
	"offhook/speech/espeak"
	"offhook/store"
	"offhook/store/rows"
)

const customer = "acme"

// patience is how long a test waits for what must happen before it fails.
const patience = 10 * time.Second

// bench is an exchange with conferences and flows on loopback sockets.
type bench struct {
	t       *testing.T
	dir     string
	x       *call.Exchange
	rooms   *conference.Rooms
	db      *store.DB
	addr    netip.AddrPort
	engine  *media.Engine // of the phones
	results chan string   // what JoinConference said, in order

	mu     sync.Mutex
	events []resource.Event
	told   chan struct{}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	level := slog.LevelWarn
	if os.Getenv("OFFHOOK_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
	b := &bench{t: t, dir: t.TempDir(), told: make(chan struct{}), results: make(chan string, 1000)}
	var err error
	if b.db, err = store.Open(t.Context(), store.Options{DataDir: b.dir, Logger: log}); err != nil {
		t.Fatal(err)
	}
	b.db.OnCommit(b.record)
	b.insert(func(tx *store.Tx) error {
		id := resource.Identity{ID: customer, CustomerID: customer}
		if err := rows.Customers.Insert(tx, &resource.Customer{Identity: id, AllowSIPTargets: true}); err != nil {
			return err
		}
		return rows.Trunks.Insert(tx, &resource.Trunk{Identity: id, AuthTypes: []string{"ip"}, AllowedIPs: []string{"127.0.0.1"}})
	})
	engine := openEngine(t, 15000, log)
	b.engine = openEngine(t, 17000, log)
	runner := callflow.New(callflow.Config{DB: b.db, Verbs: action.Verbs, Logger: log})
	b.x, err = call.New(call.Config{
		SIP:   sip.Config{Listen: []string{"udp://127.0.0.1:0"}, Logger: log},
		Media: engine, DB: b.db, Speech: espeak.New(espeak.Options{}), Audio: audio.NewLibrary(audio.LibraryConfig{Roots: []string{b.dir}}),
		RecordingDir: b.dir + "/recordings", Codecs: []string{"PCMU", "PCMA", "G722"},
		AdminCustomerID: customer, Logger: log, Run: runner.Run, Recorded: runner.Recorded,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.rooms = conference.New(conference.Config{DB: b.db, Exchange: b.x, Recorded: runner.Recorded, Logger: log})
	runner.Use(b.x, callflow.Services{Rooms: func(c *call.Call) flow.Rooms { return told{b.rooms.Of(c), b.results} }})
	if err := b.x.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.addr = netip.MustParseAddrPort(strings.TrimPrefix(b.x.Addrs()[0], "udp://"))
	t.Cleanup(func() { b.close(engine) })
	return b
}

// close ends everything and looks for what was left behind.
func (b *bench) close(engine *media.Engine) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	b.x.Drain(ctx)
	if err := b.rooms.Close(context.Background()); err != nil {
		b.t.Error(err)
	}
	if n := b.rooms.Open(); n != 0 {
		b.t.Errorf("%d conferences are still open", n)
	}
	if err := b.x.Close(context.Background()); err != nil {
		b.t.Error(err)
	}
	settle(b.t, "ports are still open", engine.Ports)
	settle(b.t, "dialogs are left", b.x.Dialogs)
	if err := engine.Close(); err != nil {
		b.t.Error(err)
	}
	_ = b.engine.Close()
	if err := b.db.Flush(context.Background()); err != nil {
		b.t.Error(err)
	}
	live, err := rows.Conferencecalls.Find(context.Background(), b.db, rows.KeyLive, "1")
	if err != nil || len(live) != 0 {
		b.t.Errorf("%d conferencecalls have not ended (%v)", len(live), err)
	}
	if err := b.db.Close(); err != nil {
		b.t.Error(err)
	}
}

func openEngine(t *testing.T, low int, log *slog.Logger) *media.Engine {
	t.Helper()
	e, err := media.New(media.Config{MinPort: low, MaxPort: low + 1998, BindIP: netip.MustParseAddr("127.0.0.1"), Quiet: time.Millisecond, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// told passes results on to the test.
type told struct {
	flow.Rooms
	results chan<- string
}

func (r told) JoinConference(ctx context.Context, o flow.Room) (string, error) {
	result, err := r.Rooms.JoinConference(ctx, o)
	r.results <- result
	return result, err
}

func (b *bench) insert(fn func(*store.Tx) error) {
	b.t.Helper()
	if err := b.db.Write(b.t.Context(), fn); err != nil {
		b.t.Fatal(err)
	}
}

// conference makes a conference.
func (b *bench) conference(c resource.Conference) {
	b.t.Helper()
	c.CustomerID, c.Status, c.TMCreate = customer, "active", resource.Now()
	b.insert(func(tx *store.Tx) error { return rows.Conferences.Insert(tx, &c) })
	b.rooms.Changed(&c, false)
}

// shown is a conference as its row says.
func (b *bench) shown(id string) *resource.Conference {
	b.t.Helper()
	if err := b.db.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	c, err := rows.Conferences.Load(b.t.Context(), b.db, customer, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// number makes a number that runs actions, written as in a flow document.
func (b *bench) number(number, actions string) {
	b.t.Helper()
	var list []resource.Action
	if err := json.Unmarshal([]byte("["+actions+"]"), &list); err != nil {
		b.t.Fatal(err)
	}
	id := resource.Identity{ID: "flow" + number, CustomerID: customer}
	b.insert(func(tx *store.Tx) error {
		if err := rows.Flows.Insert(tx, &resource.Flow{Identity: id, Actions: list}); err != nil {
			return err
		}
		return rows.Numbers.Insert(tx, &resource.Number{Identity: resource.Identity{CustomerID: customer}, Number: number, CallFlowID: id.ID})
	})
}

// join is a conference_join action.
func join(id, more string) string {
	return fmt.Sprintf(`{"type": "conference_join", "option": {"conference_id": %q%s}}`, id, more)
}

func (b *bench) phone(cfg phone.Config) *phone.Phone {
	b.t.Helper()
	cfg.User, cfg.Server, cfg.Engine = cmp.Or(cfg.User, "+15559990000"), b.addr.String(), b.engine
	p, err := phone.New(b.t.Context(), cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

// party is a test phone in a call; it sends its own tone and listens.
type party struct {
	*phone.Call
	name string
	hz   float64
	ear  *ear
	stay resource.Conferencecall
}

// party makes a phone's call one that says hz.
func (b *bench) party(name string, hz float64, c *phone.Call) *party {
	p := &party{Call: c, name: name, hz: hz, ear: newEar()}
	c.Port().Attach(p.ear, earRate)
	c.Play(tone.New(8000, tone.Spec{Hz1: hz, Level: -20}))
	return p
}

// dial calls a number with a phone that says hz and knows one codec.
func (b *bench) dial(name string, hz float64, codec, number string) *party {
	b.t.Helper()
	c, err := b.phone(phone.Config{Codecs: []string{codec}}).Dial(b.t.Context(), fmt.Sprintf("sip:%s@%s", number, b.addr), "")
	if err != nil {
		b.t.Fatal(err)
	}
	return b.party(name, hz, c)
}

// enter dials and waits until the party is in.
func (b *bench) enter(name string, hz float64, codec, number string) *party {
	b.t.Helper()
	n := b.count("conference_participant_joined")
	p := b.dial(name, hz, codec, number)
	p.stay = b.joined(n)
	return p
}

// joined waits until more than n participants have joined, and returns the
// stay of the next.
func (b *bench) joined(n int) resource.Conferencecall {
	b.t.Helper()
	e := b.nth("conference_participant_joined", n)
	var row resource.Conferencecall
	if err := json.Unmarshal(e.Data, &row); err != nil {
		b.t.Fatal(err)
	}
	return row
}

func (b *bench) record(events []resource.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, events...)
	close(b.told)
	b.told = make(chan struct{})
}

// of returns the events of a type, and a channel that closes when there are more.
func (b *bench) of(name string) ([]resource.Event, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []resource.Event
	for _, e := range b.events {
		if e.Type == name {
			list = append(list, e)
		}
	}
	return list, b.told
}

func (b *bench) count(name string) int {
	list, _ := b.of(name)
	return len(list)
}

// nth waits for the event number n of a type, counted from 0.
func (b *bench) nth(name string, n int) resource.Event {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		list, more := b.of(name)
		if len(list) > n {
			return list[n]
		}
		select {
		case <-more:
		case <-deadline:
			b.t.Fatalf("event %s number %d did not come", name, n)
		}
	}
}

// result waits for the outcome of a conference_join.
func (b *bench) result() string {
	b.t.Helper()
	select {
	case r := <-b.results:
		return r
	case <-time.After(patience):
		b.t.Fatal("no conference_join came to its end")
		return ""
	}
}

// settle waits until a count is zero.
func settle(t *testing.T, what string, count func() int) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for count() != 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("%d %s", count(), what)
			return
		}
	}
}

func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened", what)
	}
}

// file writes a file into the folder that may be played from.
func (b *bench) file(name string, content []byte) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}
