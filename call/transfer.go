package call

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// Why a call can't be transferred now.
var (
	errAlone        = fmt.Errorf("%w: it is neither in a conversation nor in a conference", ErrState)
	errTransferring = fmt.Errorf("%w: it is being transferred already", ErrState)
)

// TransferOptions describe a transfer.
type TransferOptions struct {
	ID           string
	Blind        bool
	Destinations []resource.Address
	Context      map[string]any
	RingTimeout  time.Duration
	// Progress is told how the new party's call goes: 180, 200 or its failure.
	// May be nil.
	Progress func(status int)
}

// transfers are those that are not over.
type transfers struct {
	mu   sync.Mutex
	live map[string]*Handover // by customer and id
}

// begin makes a transfer known, unless there is one of the same conversation or
// by the same transferer.
func (t *transfers) begin(h *Handover) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy(h.transferer, h.talk) {
		return errTransferring
	}
	t.live[callKey(h.row.CustomerID, h.row.ID)] = h
	return nil
}

// busy reports whether a call transfers, or somebody a conversation. The caller
// holds the lock.
func (t *transfers) busy(c *Call, v *conversation) bool {
	for _, h := range t.live {
		if h.transferer == c || h.talk == v {
			return true
		}
	}
	return false
}

func (t *transfers) end(h *Handover) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.live, callKey(h.row.CustomerID, h.row.ID))
}

// FindTransfer returns a transfer that is not over.
func (x *Exchange) FindTransfer(customerID, id string) (*Handover, bool) {
	x.transfers.mu.Lock()
	defer x.transfers.mu.Unlock()
	t, ok := x.transfers.live[callKey(customerID, id)]
	return t, ok
}

// Transfer begins to hand those whom c talks to, or c's place in a conference,
// to the first of the destinations that answers. It returns when the new party's
// call has been placed; ErrState when there is nothing to hand over, or it is
// being handed over already.
func (c *Call) Transfer(ctx context.Context, o TransferOptions) (resource.Transfer, error) {
	if c.seatNow() != nil {
		if row, ok := c.requeue(o); ok {
			return row, nil
		}
	}
	t, err := c.handover(o)
	if err != nil {
		return resource.Transfer{}, err
	}
	placed := make(chan struct{})
	c.x.work.Go(func() { t.run(o, sync.OnceFunc(func() { close(placed) })) })
	select {
	case <-placed:
	case <-t.over:
	case <-ctx.Done():
	}
	return t.snapshot(), nil
}

// handover prepares a transfer; from then on nobody else begins one.
func (c *Call) handover(o TransferOptions) (*Handover, error) {
	t := &Handover{x: c.x, transferer: c, decided: make(chan string, 8), rang: make(chan struct{}, 1), over: make(chan struct{})}
	t.row = resource.Transfer{
		Identity: resource.Identity{ID: o.ID, CustomerID: c.CustomerID(), TMCreate: resource.Now()},
		Type:     "attended", Status: "consulting", TransfererCallID: c.ID(),
		TransfereeAddresses: o.Destinations, Context: o.Context,
	}
	if o.Blind {
		t.row.Type, t.row.Status = "blind", "ringing"
	}
	if t.row.ID == "" {
		t.row.ID = resource.NewID()
	}
	place := c.placeNow()
	if place == nil {
		s := c.seatNow()
		if s == nil || s.conversation().early || len(s.conversation().others(c)) == 0 {
			return nil, errAlone
		}
		t.talk = s.conversation()
		t.audience = &partners{talk: t.talk, transferer: c}
		return t, c.x.transfers.begin(t)
	}
	t.talk = c.x.newConversation()
	kept, err := t.keep(place)
	if err != nil {
		t.talk.expect()() // which closes it
		return nil, err
	}
	t.audience = &occupant{talk: t.talk, transferer: c, kept: kept, blind: o.Blind, stays: o.Progress != nil && kept.Invites()}
	return t, nil
}

// keep makes the transfer known and keeps the place that it is about.
func (t *Handover) keep(place Place) (Kept, error) {
	if err := t.x.transfers.begin(t); err != nil {
		return nil, err
	}
	kept, err := place.Keep()
	if err != nil {
		t.x.transfers.end(t)
	}
	return kept, err
}

// contextHeaders are the header fields that carry a transfer's context to the
// new party. Keys that are no token (RFC 3261 25.1) and long values stay out.
func contextHeaders(values map[string]any) []sipmsg.Header {
	var list []sipmsg.Header
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := contextValue(values[key])
		if !isToken(key) || strings.EqualFold(contextHeader+key, lineHeader) || len(value) > maxContextValue || strings.ContainsAny(value, "\r\n\x00") {
			continue
		}
		list = append(list, sipmsg.NewHeader(contextHeader+key, value))
	}
	return list
}

// contextValue is a value as it was given: text by itself, all else as JSON.
func contextValue(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

const (
	contextHeader   = "X-"
	maxContextValue = 512
)

func isToken(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.') {
			return false
		}
	}
	return s != ""
}

// complete tells that the new party has taken over.
func (t *Handover) complete() {
	row := t.snapshot()
	e := t.transferer.Routed(event.TransferCompleted(row, t.x.personOf(t.transferer), t.x.personOf(t.target)))
	t.x.cfg.DB.Enqueue(func(tx *store.Tx) error { return tx.Emit(e) })
}

// completedAtOnce writes a transfer that needed no time, and tells it.
func (c *Call) completedAtOnce(row resource.Transfer, to string) {
	e := c.Routed(event.TransferCompleted(row, c.x.personOf(c), to))
	c.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		if err := rows.Transfers.Insert(tx, &row); err != nil {
			return err
		}
		return tx.Emit(e)
	})
}

// party is who is at the other end.
func (c *Call) party() resource.Address {
	row := c.Snapshot()
	if row.Direction == resource.DirectionIncoming {
		return row.Source
	}
	return row.Destination
}

// personOf names who is behind a call: the agent that owns the address, else
// the address's target.
func (x *Exchange) personOf(c *Call) string {
	a := c.party()
	agents, err := rows.All(context.Background(), x.cfg.DB, rows.Agents, c.CustomerID())
	if err == nil {
		for _, agent := range agents {
			for _, own := range agent.Addresses {
				if own.Target == a.Target || own.Target == a.TargetName && a.TargetName != "" {
					return agent.ID
				}
			}
		}
	}
	return a.Target
}

// save writes the transfer's row.
func (t *Handover) save(create bool) {
	row := t.snapshot()
	t.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		if create {
			return rows.Transfers.Insert(tx, &row)
		}
		return rows.Transfers.Put(tx, &row)
	})
}
