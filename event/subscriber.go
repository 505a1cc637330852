package event

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Bounds of one connection.
const (
	maxBehind      = 2048 // frames that wait for a connection before it is closed
	maxTopics      = 1000 // subscriptions
	maxTopicLength = 512
	maxFrame       = 64 << 10 // bytes that a client may send at once
	pingInterval   = 10 * time.Second
	pongTimeout    = 20 * time.Second
	sendTimeout    = 10 * time.Second
)

// subscriber is one connection: a reader of requests, a writer of frames and
// a pinger, which end together.
type subscriber struct {
	customerID string
	conn       *websocket.Conn
	out        chan []byte
	slow       chan struct{} // closed when the client is too far behind
	leaving    chan struct{} // closed when the server goes away
	lag, bye   sync.Once

	mu       sync.Mutex
	prefixes []string
}

func newSubscriber(customerID string, conn *websocket.Conn) *subscriber {
	return &subscriber{
		customerID: customerID, conn: conn, out: make(chan []byte, maxBehind),
		slow: make(chan struct{}), leaving: make(chan struct{}),
	}
}

// offer queues a frame; false when there is no room, which ends the connection.
func (s *subscriber) offer(frame []byte) bool {
	select {
	case s.out <- frame:
		return true
	default:
		s.lag.Do(func() { close(s.slow) })
		return false
	}
}

func (s *subscriber) leave() { s.bye.Do(func() { close(s.leaving) }) }

func (s *subscriber) isSlow() bool {
	select {
	case <-s.slow:
		return true
	default:
		return false
	}
}

func (s *subscriber) wants(topics *[4]string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return matches(s.prefixes, topics)
}

func (s *subscriber) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the request's own says nothing after the upgrade
	var tasks sync.WaitGroup
	tasks.Go(func() { defer cancel(); s.write(ctx) })
	tasks.Go(func() { defer cancel(); s.ping(ctx) })
	s.read(ctx)
	cancel()
	tasks.Wait()
	_ = s.conn.CloseNow()
}

// write sends what is queued.
func (s *subscriber) write(ctx context.Context) {
	for {
		select {
		case <-s.slow: // before anything else that is ready
			s.turnOut(ctx)
			return
		case <-ctx.Done():
			return
		default:
		}
		select {
		case f := <-s.out:
			if s.send(ctx, f) != nil {
				return
			}
		case <-s.slow:
		case <-s.leaving:
			_ = s.conn.Close(websocket.StatusGoingAway, errHubClosed.Error())
			return
		case <-ctx.Done():
			return
		}
	}
}

// turnOut tells a client that it missed something, and closes.
func (s *subscriber) turnOut(ctx context.Context) {
	const why = "too far behind: events were lost; read faster or subscribe to less"
	f, err := json.Marshal(frame{Type: "error", Reason: "SLOW_CONSUMER", Message: why})
	if err != nil || s.send(ctx, f) != nil {
		_ = s.conn.CloseNow()
		return
	}
	_ = s.conn.Close(websocket.StatusPolicyViolation, why)
}

func (s *subscriber) send(ctx context.Context, f []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, f)
}

// ping finds connections that are gone without a word.
func (s *subscriber) ping(ctx context.Context) {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(ctx, pongTimeout)
			err := s.conn.Ping(ctx)
			cancel()
			if err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// frame is what a client sends, and what it is answered.
type frame struct {
	Type    string   `json:"type"`
	Topics  []string `json:"topics,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Message string   `json:"message,omitempty"`
}

// read serves the client's frames until the connection ends.
func (s *subscriber) read(ctx context.Context) {
	for {
		kind, raw, err := s.conn.Read(ctx)
		if err != nil {
			return
		}
		answer := frame{
			Type: "error", Reason: "INVALID_JSON",
			Message: `send JSON text such as {"type": "subscribe", "topics": ["customer_id:<id>:call:*"]}`,
		}
		var f frame
		if kind == websocket.MessageText && json.Unmarshal(raw, &f) == nil {
			answer = s.handle(f)
		}
		out, err := json.Marshal(answer)
		if err != nil {
			return // strings always marshal
		}
		s.offer(out) // no room: the writer closes
	}
}

// handle subscribes or unsubscribes, to all topics of the frame or to none,
// and returns the answer.
func (s *subscriber) handle(f frame) frame {
	if f.Type != "subscribe" && f.Type != "unsubscribe" {
		return frame{Type: "error", Reason: "INVALID_TYPE", Message: "type must be subscribe or unsubscribe"}
	}
	if len(f.Topics) == 0 {
		return frame{Type: "error", Reason: "INVALID_TOPIC", Message: "topics must name at least one topic"}
	}
	prefixes := make([]string, 0, len(f.Topics))
	for _, t := range f.Topics {
		p, ok := topicPrefix(s.customerID, t)
		if !ok {
			return frame{
				Type: "error", Reason: "INVALID_TOPIC", Topics: []string{t},
				Message: "topics are customer_id:<your id>:<resource>:<id>, or shorter; the last part may be *",
			}
		}
		prefixes = append(prefixes, p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Type == "unsubscribe" {
		s.prefixes = slices.DeleteFunc(s.prefixes, func(p string) bool { return slices.Contains(prefixes, p) })
		return frame{Type: "unsubscribed", Topics: f.Topics}
	}
	for _, p := range prefixes {
		if slices.Contains(s.prefixes, p) {
			continue
		}
		if len(s.prefixes) == maxTopics {
			return frame{Type: "error", Reason: "TOO_MANY_TOPICS", Message: "at most 1000 topics for each connection"}
		}
		s.prefixes = append(s.prefixes, p)
	}
	return frame{Type: "subscribed", Topics: f.Topics}
}
