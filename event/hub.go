package event

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"

	"offhook/resource"
)

// Hub brings events to WebSocket subscribers. Publishers never wait for one.
type Hub struct {
	mu          sync.RWMutex
	subscribers map[string]map[*subscriber]struct{} // by customer
	closed      bool
	open        atomic.Int64
	sent        atomic.Uint64
	slow        atomic.Uint64
	tasks       sync.WaitGroup
}

// NewHub makes a hub without subscribers.
func NewHub() *Hub { return &Hub{subscribers: map[string]map[*subscriber]struct{}{}} }

// HubCounters are what a hub has done.
type HubCounters struct {
	Subscribers int    // connections now
	Sent        uint64 // frames with events that were queued for connections
	Slow        uint64 // connections that were closed because they did not read
}

// Counters returns what the hub has done.
func (h *Hub) Counters() HubCounters {
	return HubCounters{Subscribers: int(h.open.Load()), Sent: h.sent.Load(), Slow: h.slow.Load()}
}

// Publish sends events to everybody who subscribed to them. It never blocks:
// a connection that is too far behind is told so and closed. Its signature is
// that of the store's OnCommit.
func (h *Hub) Publish(events []resource.Event) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if len(h.subscribers) == 0 {
		return
	}
	for i := range events {
		if own := h.subscribers[events[i].CustomerID]; len(own) > 0 {
			h.publish(&events[i], own)
		}
	}
}

func (h *Hub) publish(e *resource.Event, own map[*subscriber]struct{}) {
	topics := topicsOf(*e)
	var frame []byte
	for s := range own {
		if !s.wants(&topics) {
			continue
		}
		if frame == nil {
			var err error
			if frame, err = json.Marshal(e); err != nil {
				return // the store takes no event whose data is not JSON
			}
		}
		if s.offer(frame) {
			h.sent.Add(1)
		}
	}
}

var errHubClosed = errors.New("the server is going away")

// ServeWS serves one WebSocket connection of a customer until it ends. The
// caller has authenticated the request.
func (h *Hub) ServeWS(w http.ResponseWriter, r *http.Request, customerID string) {
	// Pages of any origin may connect: a key was shown, no cookie counts.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(maxFrame)
	s := newSubscriber(customerID, conn)
	if !h.add(s) {
		_ = conn.Close(websocket.StatusGoingAway, errHubClosed.Error())
		return
	}
	defer h.remove(s)
	s.serve(r.Context())
}

func (h *Hub) add(s *subscriber) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	own := h.subscribers[s.customerID]
	if own == nil {
		own = map[*subscriber]struct{}{}
		h.subscribers[s.customerID] = own
	}
	own[s] = struct{}{}
	h.open.Add(1)
	h.tasks.Add(1)
	return true
}

func (h *Hub) remove(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := h.subscribers[s.customerID]
	delete(own, s)
	if len(own) == 0 {
		delete(h.subscribers, s.customerID)
	}
	if s.isSlow() {
		h.slow.Add(1)
	}
	h.open.Add(-1)
	h.tasks.Done()
}

// Close tells all connections that the server goes away and waits until they
// have ended, at most about ten seconds. New ones are turned away.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for _, own := range h.subscribers {
		for s := range own {
			s.leave()
		}
	}
	h.mu.Unlock()
	h.tasks.Wait()
}
