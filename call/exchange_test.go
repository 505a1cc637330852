package call_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"offhook/call"
	"offhook/call/phone"
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

// bench is an exchange on loopback sockets with a real store, and phones.
type bench struct {
	t      *testing.T
	x      *call.Exchange
	db     *store.DB
	addr   netip.AddrPort
	engine *media.Engine // of the phones

	mu     sync.Mutex
	events []resource.Event
	told   chan struct{}
}

// newBench starts an exchange whose calls run script.
func newBench(t *testing.T, run func(context.Context, *call.Call, call.Script), change ...func(*call.Config)) *bench {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	level := slog.LevelWarn
	if os.Getenv("OFFHOOK_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
	db, err := store.Open(ctx, store.Options{DataDir: dir, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	engine, err := media.New(media.Config{MinPort: 40000, MaxPort: 44998, BindIP: loopback, Quiet: time.Millisecond, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	phones, err := media.New(media.Config{MinPort: 45000, MaxPort: 49998, BindIP: loopback, Quiet: time.Millisecond, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, db: db, engine: phones, told: make(chan struct{})}
	db.OnCommit(b.record)
	cfg := call.Config{
		SIP:   sip.Config{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}, Logger: log},
		Media: engine, DB: db, Speech: espeak.New(espeak.Options{}), Audio: audio.NewLibrary(audio.LibraryConfig{Roots: []string{dir}}),
		RecordingDir: dir + "/recordings", Codecs: []string{"PCMU", "PCMA", "G722"},
		AdminCustomerID: customer, Logger: log, Run: run,
	}
	for _, f := range change {
		f(&cfg)
	}
	b.insert(func(tx *store.Tx) error {
		return rows.Customers.Insert(tx, &resource.Customer{Identity: resource.Identity{ID: customer, CustomerID: customer}, AllowSIPTargets: true})
	})
	b.insert(func(tx *store.Tx) error {
		return rows.Trunks.Insert(tx, &resource.Trunk{
			Identity:  resource.Identity{ID: "t", CustomerID: customer},
			AuthTypes: []string{"ip"}, AllowedIPs: []string{"127.0.0.1"},
		})
	})
	if b.x, err = call.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := b.x.Start(ctx); err != nil {
		t.Fatal(err)
	}
	b.addr = netip.MustParseAddrPort(b.x.Addrs()[0][len("udp://"):])
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		b.x.Drain(ctx)
		if err := b.x.Close(context.Background()); err != nil {
			t.Error(err)
		}
		settle(t, "ports are still open after the last call", engine.Ports)
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
		_ = phones.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) insert(fn func(*store.Tx) error) {
	b.t.Helper()
	if err := b.db.Write(b.t.Context(), fn); err != nil {
		b.t.Fatal(err)
	}
}

// number makes a number that runs a flow id.
func (b *bench) number(number, flow string) {
	b.insert(func(tx *store.Tx) error {
		return rows.Numbers.Insert(tx, &resource.Number{Identity: resource.Identity{CustomerID: customer}, Number: number, CallFlowID: flow})
	})
}

// extension makes an extension and a phone that is registered for it.
func (b *bench) extension(number string, incoming func(*phone.Call)) *phone.Phone {
	b.t.Helper()
	b.insert(func(tx *store.Tx) error {
		return rows.Extensions.Insert(tx, &resource.Extension{
			Identity:  resource.Identity{ID: "x" + number, CustomerID: customer},
			Extension: number, Password: "secret" + number,
		})
	})
	p := b.phone(number, "secret"+number, incoming)
	if err := p.Register(b.t.Context(), time.Minute); err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bench) phone(user, password string, incoming func(*phone.Call)) *phone.Phone {
	b.t.Helper()
	p, err := phone.New(b.t.Context(), phone.Config{User: user, Password: password, Server: b.addr.String(), Engine: b.engine, Incoming: incoming})
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

// dial calls a user of the exchange.
func (b *bench) dial(p *phone.Phone, user string) *phone.Call {
	b.t.Helper()
	c, err := p.Dial(b.t.Context(), fmt.Sprintf("sip:%s@%s", user, b.addr), "")
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) record(events []resource.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, events...)
	close(b.told)
	b.told = make(chan struct{})
}

// await waits for an event and returns it.
func (b *bench) await(name string) resource.Event {
	b.t.Helper()
	return b.awaitEvent(name, func(resource.Event) bool { return true })
}

// awaitCall waits for an event of a call that suits and returns its row.
func (b *bench) awaitCall(name string, suits func(resource.Call) bool) (row resource.Call) {
	b.t.Helper()
	b.awaitEvent(name, func(e resource.Event) bool {
		row = resource.Call{}
		if err := json.Unmarshal(e.Data, &row); err != nil {
			b.t.Error(err)
		}
		return suits(row)
	})
	return row
}

func (b *bench) awaitEvent(name string, suits func(resource.Event) bool) resource.Event {
	b.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		b.mu.Lock()
		changed := b.told
		for _, e := range b.events {
			if e.Type == name && suits(e) {
				b.mu.Unlock()
				return e
			}
		}
		b.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			b.t.Fatalf("no event %s within 10 s", name)
		}
	}
}

// settle waits until a count is zero.
func settle(t *testing.T, what string, count func() int) {
	t.Helper()
	deadline, tick := time.After(5*time.Second), time.NewTicker(time.Millisecond)
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
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing within 10 s", what)
	}
}

func TestTrunkCallRunsTheNumbersScript(t *testing.T) {
	got := make(chan string, 1)
	b := newBench(t, func(ctx context.Context, c *call.Call, s call.Script) {
		if s.FlowID != "menu" {
			t.Errorf("script %+v", s)
		}
		if err := c.Answer(ctx); err != nil {
			t.Error(err)
		}
		if err := c.Play(ctx, call.Prompt{Kind: call.PromptBeep}); err != nil {
			t.Error(err)
		}
		digits, err := c.Collect(ctx, 3, "#", 5*time.Second)
		if err != nil {
			t.Error(err)
		}
		got <- digits
	})
	b.number("+15550000000", "menu")
	p := b.phone("+15551112222", "", nil)
	c := b.dial(p, "+15550000000")
	wait(t, "answer", c.UpSignal())
	_ = c.SendDigits(t.Context(), "12#") // the call may be over before the last key is up
	if digits := <-got; digits != "12" {
		t.Errorf("digits %q, want 12", digits)
	}
	wait(t, "hang-up", c.Done())
	e := b.await("call_hungup")
	t.Logf("%s", e.Data)
	settle(t, "calls are left", b.x.Live)
}

func TestExtensionsCallEachOther(t *testing.T) {
	b := newBench(t, connectScript(t))
	bobs := make(chan *phone.Call, 1)
	b.extension("1002", func(c *phone.Call) {
		if err := c.Answer(); err != nil {
			t.Error(err)
		}
		bobs <- c
	})
	alice := b.extension("1001", nil)
	c := b.dial(alice, "1002")
	wait(t, "answer", c.UpSignal())
	bob := <-bobs
	heard := listen(bob)
	c.Play(tone.New(8000, tone.Milliwatt()))
	wait(t, "bob hears alice", heard)
	heardBack := listen(c)
	bob.Play(tone.New(8000, tone.Milliwatt()))
	wait(t, "alice hears bob", heardBack)
	bob.Hangup()
	wait(t, "alice's call ends with bob's", c.Done())
}

// listen returns a channel that closes when the phone has heard a second of
// something loud.
func listen(c *phone.Call) <-chan struct{} {
	e := &ear{heard: make(chan struct{})}
	c.Port().Attach(e, 8000)
	return e.heard
}

type ear struct {
	heard chan struct{}
	loud  int
}

// WriteFrame implements media.Sink. For a phone, "said" is what comes in.
func (e *ear) WriteFrame(said, _ []int16) {
	var sum float64
	for _, s := range said {
		sum += float64(s) * float64(s)
	}
	if sum/float64(len(said)) < 1000*1000 {
		return
	}
	if e.loud++; e.loud == 10 {
		close(e.heard)
	}
}

func milliwatt() *tone.Source { return tone.New(8000, tone.Milliwatt()) }
