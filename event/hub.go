package event

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"offhook/resource"
)

const (
	maxBehind    = 1024             // events that a subscriber may be behind before it is closed
	maxTopics    = 1000             // subscriptions of one connection
	pingInterval = 10 * time.Second // as VoIPBIN's server
	sendTimeout  = 10 * time.Second
)

// Hub brings events to WebSocket subscribers. Publish never waits for one.
type Hub struct {
	mu          sync.RWMutex
	subscribers map[*subscriber]struct{}
	dropped     atomic.Uint64
}

// NewHub makes an empty hub.
func NewHub() *Hub { return &Hub{subscribers: map[*subscriber]struct{}{}} }

// subscriber is one connection.
type subscriber struct {
	customerID string
	out        chan []byte
	slow       chan struct{} // closed when it is too far behind
	lag        sync.Once

	mu     sync.Mutex
	topics []string
}

// Publish sends events to everybody who subscribed to them.
func (h *Hub) Publish(events []resource.Event) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if len(h.subscribers) == 0 {
		return
	}
	for _, e := range events {
		topic := "customer_id:" + e.CustomerID + ":" + e.Resource + ":" + e.ResourceID
		var frame []byte
		for s := range h.subscribers {
			if s.customerID != e.CustomerID || !s.wants(topic) {
				continue
			}
			if frame == nil {
				frame, _ = json.Marshal(e) // its data is JSON already
			}
			select {
			case s.out <- frame:
			default:
				h.dropped.Add(1)
				s.lag.Do(func() { close(s.slow) })
			}
		}
	}
}

// Subscribers returns how many connections there are, Dropped how many events
// found a connection too far behind.
func (h *Hub) Subscribers() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.subscribers)
}

// Dropped returns how many events found a connection too far behind.
func (h *Hub) Dropped() uint64 { return h.dropped.Load() }

func (s *subscriber) wants(topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.topics {
		if strings.HasPrefix(topic, t) {
			return true
		}
	}
	return false
}

// frame is what a client sends, and what it is answered.
type frame struct {
	Type    string   `json:"type"`
	Topics  []string `json:"topics,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Message string   `json:"message,omitempty"`
}

// ServeWS serves one WebSocket connection of a customer until it ends. The
// request has been authenticated.
func (h *Hub) ServeWS(w http.ResponseWriter, r *http.Request, customerID string) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // a key was shown, no cookie
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(64 << 10)
	s := &subscriber{customerID: customerID, out: make(chan []byte, maxBehind), slow: make(chan struct{})}
	h.mu.Lock()
	h.subscribers[s] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.subscribers, s)
		h.mu.Unlock()
	}()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		defer cancel()
		s.write(ctx, conn)
	}()
	s.read(ctx, conn)
	_ = conn.Close(websocket.StatusNormalClosure, "")
}

// write sends what is queued, and pings.
func (s *subscriber) write(ctx context.Context, conn *websocket.Conn) {
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	for {
		select {
		case f := <-s.out:
			if !sent(ctx, func(ctx context.Context) error { return conn.Write(ctx, websocket.MessageText, f) }) {
				return
			}
		case <-ping.C:
			if !sent(ctx, conn.Ping) {
				_ = conn.CloseNow()
				return
			}
		case <-s.slow:
			_ = conn.Close(websocket.StatusPolicyViolation, "too far behind: read faster or subscribe to less")
			return
		case <-ctx.Done():
			return
		}
	}
}

func sent(ctx context.Context, send func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return send(ctx) == nil
}

// read serves the client's frames until the connection ends.
func (s *subscriber) read(ctx context.Context, conn *websocket.Conn) {
	for {
		kind, raw, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var f frame
		if kind != websocket.MessageText || json.Unmarshal(raw, &f) != nil {
			s.tell(frame{Type: "error", Reason: "INVALID_JSON", Message: `send JSON text such as {"type": "subscribe", "topics": ["customer_id:<id>:call:*"]}`})
			continue
		}
		s.tell(s.handle(f))
	}
}

func (s *subscriber) tell(f frame) {
	raw, err := json.Marshal(f)
	if err != nil {
		return // a struct of strings always marshals
	}
	select {
	case s.out <- raw:
	default:
		s.lag.Do(func() { close(s.slow) })
	}
}

// handle subscribes or unsubscribes and returns the answer.
func (s *subscriber) handle(f frame) frame {
	if f.Type != "subscribe" && f.Type != "unsubscribe" {
		return frame{Type: "error", Reason: "INVALID_TYPE", Message: "type must be subscribe or unsubscribe"}
	}
	prefixes := make([]string, 0, len(f.Topics))
	for _, t := range f.Topics {
		p, ok := s.prefix(t)
		if !ok {
			return frame{Type: "error", Reason: "INVALID_TOPIC", Topics: []string{t},
				Message: "topics are customer_id:<your id>:<resource>:<id>, or shorter; the last part may be *"}
		}
		prefixes = append(prefixes, p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Type == "subscribe" {
		if len(s.topics)+len(prefixes) > maxTopics {
			return frame{Type: "error", Reason: "TOO_MANY_TOPICS", Message: "at most 1000 topics for each connection"}
		}
		s.topics = append(s.topics, prefixes...)
		return frame{Type: "subscribed", Topics: f.Topics}
	}
	for _, p := range prefixes {
		for i, t := range s.topics {
			if t == p {
				s.topics = append(s.topics[:i], s.topics[i+1:]...)
				break
			}
		}
	}
	return frame{Type: "unsubscribed", Topics: f.Topics}
}

// prefix is what a topic stands for; false when it is none of this customer's.
func (s *subscriber) prefix(topic string) (string, bool) {
	own := "customer_id:" + s.customerID
	p := strings.TrimSuffix(topic, "*")
	if strings.Contains(p, "*") {
		return "", false
	}
	if p == own || strings.HasPrefix(p, own+":") && strings.Count(p, ":") <= 3 {
		return p, true
	}
	return "", false
}
