package conference_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"offhook/call"
	"offhook/call/conference"
	"offhook/call/phone"
	"offhook/event"
	"offhook/media"
	"offhook/media/tone"
	"offhook/resource"
	"offhook/sip"
	"offhook/store"
	"offhook/store/rows"
)

// The machines of the schedules.
var (
	serverIP = netip.MustParseAddr("192.0.2.1")
	phonesIP = netip.MustParseAddr("192.0.2.2")
)

// stage is an exchange with conferences and phones in one bubble of virtual
// time, without sockets.
type stage struct {
	t       *testing.T
	x       *call.Exchange
	rooms   *conference.Rooms
	db      *store.DB
	network *sip.MemoryNetwork
	server  *media.Engine
	phones  *media.Engine
	dir     string
	seen    *tally
	stop    context.CancelFunc

	mu     sync.Mutex
	luck   *rand.Rand
	script func(context.Context, *call.Call)
	states map[string]string // of calls, by id
	events map[string]int
}

func newStage(t *testing.T, seed uint64, seen *tally) *stage {
	s := &stage{
		t: t, dir: t.TempDir(), seen: seen, network: sip.NewMemoryNetwork(), luck: rand.New(rand.NewPCG(seed, 1)),
		states: map[string]string{}, events: map[string]int{},
	}
	s.script = s.anything
	s.network.Delay = 5 * time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	level := slog.LevelError
	if os.Getenv("OFFHOOK_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
	var err error
	if s.db, err = store.Open(ctx, store.Options{DataDir: s.dir, Logger: log}); err != nil {
		t.Fatal(err)
	}
	s.db.OnCommit(s.record)
	s.resources()
	wire := media.NewMemoryWire()
	s.server, s.phones = s.engine(wire, serverIP), s.engine(wire, phonesIP)
	s.x, err = call.New(call.Config{
		SIP:   sip.Config{Listen: []string{"udp://" + serverIP.String() + ":5060"}, Network: s.network.Host(serverIP), Logger: log},
		Media: s.server, DB: s.db, RecordingDir: filepath.Join(s.dir, "recordings"), Codecs: []string{"PCMU", "PCMA", "G722"},
		AdminCustomerID: customer, Logger: log, Run: func(ctx context.Context, c *call.Call, _ call.Script) { s.script(ctx, c) },
		Music: func(_ string, rate int) (media.Source, error) {
			return tone.New(rate, tone.Milliwatt()), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.rooms = conference.New(conference.Config{DB: s.db, Exchange: s.x, Logger: log})
	if err := s.x.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) engine(wire media.Wire, ip netip.Addr) *media.Engine {
	e, err := media.New(media.Config{Wire: wire, Shards: 1, BindIP: ip, MinPort: 10000, MaxPort: 30000, Quiet: time.Millisecond})
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// resources are what the schedules call: a number, extensions, conferences.
func (s *stage) resources() {
	id := func(name string) resource.Identity {
		return resource.Identity{ID: name, CustomerID: customer, TMCreate: resource.Now()}
	}
	must(s.t, s.db.Write(s.t.Context(), func(tx *store.Tx) error {
		if err := rows.Customers.Insert(tx, &resource.Customer{Identity: id(customer), AllowSIPTargets: true}); err != nil {
			return err
		}
		if err := rows.Trunks.Insert(tx, &resource.Trunk{Identity: id("t"), AuthTypes: []string{"ip"}, AllowedIPs: []string{phonesIP.String()}}); err != nil {
			return err
		}
		if err := rows.Numbers.Insert(tx, &resource.Number{Identity: id("n"), Number: "+1555", CallFlowID: "f"}); err != nil {
			return err
		}
		for _, name := range []string{"1001", "1002", "1003"} {
			if err := rows.Extensions.Insert(tx, &resource.Extension{Identity: id("x" + name), Extension: name, Password: "secret"}); err != nil {
				return err
			}
		}
		for _, c := range []resource.Conference{
			{Identity: id("open"), Status: "active"},
			{Identity: id("led"), Status: "active", StartOnModerator: true, EndOnModeratorLeave: true, EntryTone: true, MaxParticipants: 6},
		} {
			if err := rows.Conferences.Insert(tx, &c); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (s *stage) record(events []resource.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		s.events[e.Type]++
		var about struct {
			ReferenceID string `json:"reference_id"`
		}
		if e.Type == event.ConferencecallJoined && json.Unmarshal(e.Data, &about) == nil {
			s.states[about.ReferenceID] = "conference: in"
		}
	}
}

// phone is a telephone of the schedules.
func (s *stage) phone(user, password string, incoming func(*phone.Call)) *phone.Phone {
	p, err := phone.New(s.t.Context(), phone.Config{
		Listen: "udp://0.0.0.0:0", Network: s.network.Host(phonesIP), Engine: s.phones,
		User: user, Password: password, Server: serverIP.String() + ":5060", Incoming: incoming,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if password != "" {
		must(s.t, p.Register(s.t.Context(), time.Hour))
	}
	return p
}

// close ends everything and looks for what is left.
func (s *stage) close(phones ...*phone.Phone) {
	for _, c := range s.x.Calls() {
		c.Hangup(call.CauseOf(call.ReasonNormal))
	}
	time.Sleep(2 * time.Minute) // longer than any transaction
	s.nothingIsLeft()
	ctx := context.Background()
	for _, p := range phones {
		must(s.t, p.Close(ctx))
	}
	must(s.t, s.rooms.Close(ctx))
	must(s.t, s.x.Close(ctx))
	s.stop()
	must(s.t, s.server.Close())
	must(s.t, s.phones.Close())
	must(s.t, s.db.Close())
}

// nothingIsLeft looks for what must not stay behind. (Goroutines are held to
// that by the bubble, which ends with the last of them.)
func (s *stage) nothingIsLeft() {
	t := s.t
	for what, n := range map[string]int{"calls": s.x.Live(), "dialogs": s.x.Dialogs(), "ports": s.server.Ports(), "ports of phones": s.phones.Ports(), "conferences": s.rooms.Open()} {
		if n != 0 {
			t.Errorf("%d %s are left", n, what)
		}
	}
	must(t, s.db.Flush(t.Context()))
	calls, err := rows.Calls.Find(t.Context(), s.db, rows.KeyLive, "1")
	stays, err2 := rows.Conferencecalls.Find(t.Context(), s.db, rows.KeyLive, "1")
	files, err3 := rows.Recordings.Find(t.Context(), s.db, rows.KeyLive, "1")
	if len(calls)+len(stays)+len(files) != 0 || err != nil || err2 != nil || err3 != nil {
		t.Errorf("%d calls, %d conferencecalls, %d recordings have not ended (%v, %v, %v)", len(calls), len(stays), len(files), err, err2, err3)
	}
	transfers, err := rows.Transfers.Everything(t.Context(), s.db)
	must(t, err)
	for _, row := range transfers {
		if row.Status == "consulting" || row.Status == "ringing" {
			t.Errorf("transfer %s is still %s", row.ID, row.Status)
		}
	}
	s.files()
	s.mu.Lock()
	defer s.mu.Unlock()
	for began, ended := range map[string]string{"call_created": "call_hungup", "recording_started": "recording_finished", event.ParticipantJoined: event.ParticipantLeft, event.ConferencecallJoining: event.ConferencecallLeaved} {
		if s.events[began] != s.events[ended] {
			t.Errorf("%d %s, %d %s", s.events[began], began, s.events[ended], ended)
		}
	}
	for name, n := range s.events {
		for range n {
			s.seen.add(name)
		}
	}
}

// files holds the recordings' folder against the rows: nothing else is in it.
func (s *stage) files() {
	list, err := rows.Recordings.Everything(s.t.Context(), s.db)
	must(s.t, err)
	known := map[string]bool{}
	for _, r := range list {
		known[s.x.RecordingFile(r)] = true
	}
	found, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*"))
	must(s.t, err)
	for _, path := range found {
		if !known[path] {
			s.t.Errorf("file %s is left", path)
		}
		delete(known, path)
	}
	for path := range known {
		s.t.Errorf("recording %s has no file", path)
	}
}
