package event_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"offhook/event"
	"offhook/resource"
)

// pipes is a listener of connections in memory.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.ended) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// feed runs a test in virtual time against a hub behind an HTTP server; a
// connection is the customer's whose name is in the query.
func feed(t *testing.T, test func(t *testing.T, h *event.Hub, connect func(customer string) *websocket.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		h := event.NewHub()
		p := &pipes{conns: make(chan net.Conn), ended: make(chan struct{})}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeWS(w, r, r.URL.Query().Get("customer"))
		})}
		served := make(chan error, 1)
		go func() { served <- server.Serve(p) }()
		client := &http.Client{Transport: &http.Transport{DialContext: p.dial}}
		test(t, h, func(customer string) *websocket.Conn {
			t.Helper()
			conn, _, err := websocket.Dial(t.Context(), "ws://feed.test/v1.0/ws?customer="+customer, &websocket.DialOptions{HTTPClient: client})
			if err != nil {
				t.Fatal(err)
			}
			return conn
		})
		h.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
		client.CloseIdleConnections()
	})
}

func read(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, raw, err := c.Read(ctx)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(raw)
}

func ask(t *testing.T, c *websocket.Conn, text string) string {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return read(t, c)
}

func happened(customer, kind, id, name string) resource.Event {
	return resource.Event{
		CustomerID: customer, Type: name, Resource: kind, ResourceID: id, OrderKey: id,
		Data: json.RawMessage(fmt.Sprintf(`{"id":%q}`, id)),
	}
}

func TestSubscribe(t *testing.T) {
	feed(t, func(t *testing.T, h *event.Hub, connect func(string) *websocket.Conn) {
		c := connect("u1")
		defer c.CloseNow()
		for _, x := range []struct{ send, want string }{
			{`{"type":"subscribe","topics":["customer_id:u1:transcript:*"]}`, `{"type":"subscribed","topics":["customer_id:u1:transcript:*"]}`},
			{`{"type":"subscribe","topics":["customer_id:u2:call"]}`, `"reason":"INVALID_TOPIC"`},
			{`{"type":"subscribe","topics":["customer_id:u10:call"]}`, `"reason":"INVALID_TOPIC"`},
			{`{"type":"subscribe","topics":["nonsense"]}`, `{"type":"error","topics":["nonsense"]`},
			{`{"type":"subscribe","topics":["customer_id:u1:*:x"]}`, `"reason":"INVALID_TOPIC"`},
			{`{"type":"subscribe"}`, `"reason":"INVALID_TOPIC"`},
			{`{"type":"sing","topics":["customer_id:u1"]}`, `"reason":"INVALID_TYPE"`},
			{`{{{`, `"reason":"INVALID_JSON"`},
		} {
			if got := ask(t, c, x.send); !strings.Contains(got, x.want) {
				t.Errorf("%s: answered %s, want %s", x.send, got, x.want)
			}
		}
		h.Publish([]resource.Event{
			happened("u2", "transcript", "t0", "transcript_created"),
			happened("u1", "call", "c1", "call_created"),
			happened("u1", "transcript", "t1", "transcript_created"),
		})
		if got, want := read(t, c), `{"type":"transcript_created","data":{"id":"t1"}}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := ask(t, c, `{"type":"unsubscribe","topics":["customer_id:u1:transcript:*"]}`); !strings.HasPrefix(got, `{"type":"unsubscribed"`) {
			t.Errorf("unsubscribe: %s", got)
		}
		h.Publish([]resource.Event{happened("u1", "transcript", "t2", "transcript_created")})
		if got := ask(t, c, `{"type":"subscribe","topics":["customer_id:u1"]}`); !strings.HasPrefix(got, `{"type":"subscribed"`) {
			t.Errorf("after unsubscribe: %s", got)
		}
	})
}

func TestTopics(t *testing.T) {
	dtmf := event.DTMFReceived(resource.Call{Identity: resource.Identity{ID: "c1", CustomerID: "u"}}, "5", 80)
	said := event.OfTranscript(resource.Transcript{Identity: resource.Identity{ID: "t1", CustomerID: "u"}, ReferenceID: "c1"})
	call := happened("u", "call", "c1", event.CallHangup)
	for _, x := range []struct {
		topic string
		event resource.Event
		want  bool
	}{
		{"customer_id:u", call, true},
		{"customer_id:u:*", call, true},
		{"customer_id:u:call", call, true},
		{"customer_id:u:call:*", call, true},
		{"customer_id:u:call:c1", call, true},
		{"customer_id:u:call:c2", call, false},
		{"customer_id:u:call:call_hangup", call, true}, // VoIPBIN's namespaced form
		{"customer_id:u:call:call_hangup:c1", call, true},
		{"customer_id:u:call:call_created", call, false},
		{"customer_id:u:groupcall:*", call, false},
		{"customer_id:u:dtmf:*", dtmf, true},
		{"customer_id:u:transcript:c1", said, true}, // the transcripts of a call, before they have ids
		{"customer_id:u:transcript:t1", said, true},
	} {
		feed(t, func(t *testing.T, h *event.Hub, connect func(string) *websocket.Conn) {
			c := connect("u")
			defer c.CloseNow()
			ask(t, c, `{"type":"subscribe","topics":["`+x.topic+`"]}`)
			marker := happened("u", "marker", "m", "marker")
			ask(t, c, `{"type":"subscribe","topics":["customer_id:u:marker"]}`)
			h.Publish([]resource.Event{x.event, marker})
			got := strings.Contains(read(t, c), x.event.Type)
			if got != x.want {
				t.Errorf("%s gets %s: %v, want %v", x.topic, x.event.Type, got, x.want)
			}
		})
	}
}

func TestSlowSubscriberIsToldAndClosed(t *testing.T) {
	feed(t, func(t *testing.T, h *event.Hub, connect func(string) *websocket.Conn) {
		slow, quick := connect("u"), connect("u")
		defer slow.CloseNow()
		defer quick.CloseNow()
		quick.SetReadLimit(-1)
		ask(t, slow, `{"type":"subscribe","topics":["customer_id:u:call"]}`)
		ask(t, quick, `{"type":"subscribe","topics":["customer_id:u:call"]}`)
		for i := range 5000 {
			h.Publish([]resource.Event{happened("u", "call", fmt.Sprint(i), "call_created")})
			if got := read(t, quick); !strings.Contains(got, fmt.Sprintf(`"id":"%d"`, i)) {
				t.Fatalf("event %d: %s", i, got)
			}
		}
		var last string
		for {
			_, raw, err := slow.Read(t.Context())
			if err != nil {
				if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
					t.Errorf("closed with %v", err)
				}
				break
			}
			last = string(raw)
		}
		if !strings.Contains(last, "SLOW_CONSUMER") {
			t.Errorf("last frame %s", last)
		}
		synctest.Wait()
		if c := h.Counters(); c.Subscribers != 1 || c.Slow != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestDeadConnectionIsFoundByPings(t *testing.T) {
	feed(t, func(t *testing.T, h *event.Hub, connect func(string) *websocket.Conn) {
		alive, dead := connect("u"), connect("u")
		defer alive.CloseNow()
		defer dead.CloseNow() // never reads, so it never answers a ping
		alive.CloseRead(t.Context())
		time.Sleep(45 * time.Second)
		synctest.Wait()
		if c := h.Counters(); c.Subscribers != 1 {
			t.Errorf("%d connections, want the one that answers", c.Subscribers)
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	h := event.NewHub()
	e := []resource.Event{happened("u", "call", "c1", "call_created")}
	b.ReportAllocs()
	for b.Loop() {
		h.Publish(e)
	}
}
