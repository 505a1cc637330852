package sip

import "sync"

// queue runs functions one at a time in the order in which they were posted.
// It has a goroutine only while there is something to run, so an idle dialog
// costs none. The zero value is held: nothing runs before release.
type queue struct {
	mu       sync.Mutex
	items    []func()
	released bool
	running  bool
}

// post appends f; it never blocks.
func (q *queue) post(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, f)
	q.start()
}

// release lets the queue run; further calls do nothing.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.released = true
	q.start()
}

// start is called with mu held.
func (q *queue) start() {
	if q.released && !q.running && len(q.items) > 0 {
		q.running = true
		go q.run()
	}
}

func (q *queue) run() {
	for {
		q.mu.Lock()
		if len(q.items) == 0 {
			q.running = false
			q.items = nil
			q.mu.Unlock()
			return
		}
		f := q.items[0]
		q.items[0] = nil
		q.items = q.items[1:]
		q.mu.Unlock()
		f()
	}
}
