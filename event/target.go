package event

import (
	"container/heap"
	"context"
	"time"

	"offhook/resource"
)

const (
	maxHeld  = 2000 // deliveries of one endpoint in memory; the rest stays in the outbox
	loadStep = 500
	deadRow  = 8 // attempts without any answer after which an endpoint gets one at a time
)

// target delivers to one endpoint. Its goroutine owns all fields; attempts run
// in goroutines of their own and come back as results.
type target struct {
	w       *Webhooks
	to      resource.Endpoint
	woken   chan struct{}
	results chan result

	after    int64 // highest Seq that was loaded
	more     bool  // the outbox may hold more
	held     int
	lanes    map[string]*lane
	ready    []*lane  // have a delivery that may be tried now
	waiting  laneHeap // failed; by the time of their next try
	inFlight int
	silent   int // attempts in a row without an answer
}

// lane is the deliveries of one order key, in order. It is in ready, in
// waiting or in flight.
type lane struct {
	queue  []resource.Delivery
	tries  int // failed attempts of the first
	next   time.Time
	silent bool // the last attempt had no answer
}

// result is how an attempt went.
type result struct {
	lane *lane
	outcome
}

// outcome of an attempt.
type outcome int

const (
	delivered outcome = iota
	refused           // answered with something else than 2xx
	silent            // no answer
	discarded         // there is nowhere to deliver to
	broken            // ctx ended
)

func newTarget(w *Webhooks, to resource.Endpoint, after int64) *target {
	return &target{
		w: w, to: to, after: after, more: true, woken: make(chan struct{}, 1),
		results: make(chan result, w.o.PerEndpoint), lanes: map[string]*lane{},
	}
}

func (t *target) wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

func (t *target) run(ctx context.Context) {
	defer func() { t.w.held.Add(int64(-t.held)) }()
	for {
		retry := t.load(ctx)
		t.start(ctx)
		if len(t.lanes) == 0 && !t.more && t.w.retire(t) {
			return
		}
		timer := time.NewTimer(t.pause(retry))
		select {
		case <-t.woken:
			t.more = true
		case r := <-t.results:
			t.finish(r)
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			for t.inFlight > 0 {
				t.finish(<-t.results) // what was delivered must not come again
			}
			return
		}
		timer.Stop()
		t.expire(time.Now())
	}
}

// pause is how long nothing is due.
func (t *target) pause(retry time.Duration) time.Duration {
	d := time.Hour
	if retry > 0 {
		d = retry
	}
	if len(t.waiting) > 0 {
		d = min(d, max(0, time.Until(t.waiting[0].next)))
	}
	return d
}

// load takes deliveries from the outbox into lanes while there is room. It
// returns when to try again, 0 for no need.
func (t *target) load(ctx context.Context) time.Duration {
	for t.more && t.held <= maxHeld-loadStep {
		list, err := t.w.outbox.Pending(ctx, t.to, t.after, loadStep)
		if err != nil {
			if ctx.Err() == nil {
				t.w.o.Logger.Error("read the outbox", "error", err)
			}
			return time.Second
		}
		for _, d := range list {
			t.after = d.Seq
			t.add(d)
		}
		t.more = len(list) == loadStep
	}
	return 0
}

func (t *target) add(d resource.Delivery) {
	t.hold(1)
	l, ok := t.lanes[d.Event.OrderKey]
	if !ok {
		l = &lane{}
		t.lanes[d.Event.OrderKey] = l
		t.ready = append(t.ready, l)
	}
	l.queue = append(l.queue, d)
}

func (t *target) hold(n int) {
	t.held += n
	t.w.held.Add(int64(n))
}

// start begins the attempts that may begin.
func (t *target) start(ctx context.Context) {
	now := time.Now()
	for len(t.waiting) > 0 && !t.waiting[0].next.After(now) {
		t.ready = append(t.ready, heap.Pop(&t.waiting).(*lane))
	}
	limit := t.w.o.PerEndpoint
	if t.silent >= deadRow {
		limit = 1 // whoever does not answer holds no more than one slot
	}
	for len(t.ready) > 0 && t.inFlight < limit {
		l := t.ready[0]
		t.ready = t.ready[1:]
		t.inFlight++
		d, tries := l.queue[0], l.tries
		t.w.tasks.Go(func() { t.results <- result{l, t.w.attempt(ctx, d, tries)} })
	}
}

// finish notes how an attempt went.
func (t *target) finish(r result) {
	t.inFlight--
	l := r.lane
	l.silent = r.outcome == silent
	switch r.outcome {
	case broken:
		t.ready = append(t.ready, l)
	case delivered, discarded:
		t.settle(l)
		if t.silent > 0 {
			t.silent = 0
			t.revive()
		}
	case silent, refused:
		if l.silent {
			t.silent++
		} else {
			t.silent = 0
		}
		l.next = time.Now().Add(Backoff(l.tries))
		l.tries++
		heap.Push(&t.waiting, l)
	}
}

// settle takes a lane's first delivery out.
func (t *target) settle(l *lane) {
	d := l.queue[0]
	t.w.outbox.Settle([]resource.Delivery{d})
	t.hold(-1)
	l.queue, l.tries = l.queue[1:], 0
	if len(l.queue) > 0 {
		t.ready = append(t.ready, l)
		return
	}
	delete(t.lanes, d.Event.OrderKey)
}

// revive lets everything that had no answer be tried at once: the endpoint is
// back.
func (t *target) revive() {
	var rest laneHeap
	for _, l := range t.waiting {
		if l.silent {
			t.ready = append(t.ready, l)
			continue
		}
		rest = append(rest, l)
	}
	t.waiting = rest
	heap.Init(&t.waiting)
}

// expire drops what is too old at the head of lanes that wait.
func (t *target) expire(now time.Time) {
	for len(t.waiting) > 0 && !t.waiting[0].next.After(now) {
		l := t.waiting[0]
		if now.Sub(l.queue[0].Event.Time) < t.w.o.GiveUp {
			return
		}
		heap.Pop(&t.waiting)
		t.w.giveUp(l.queue[0], l.tries)
		t.settle(l)
	}
}

// laneHeap orders lanes by the time of their next try.
type laneHeap []*lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].next.Before(h[j].next) }
func (h laneHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *laneHeap) Push(x any)        { *h = append(*h, x.(*lane)) }
func (h *laneHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
