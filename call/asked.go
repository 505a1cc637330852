package call

import (
	"net/netip"
	"sync"
	"time"
)

// asked are the requests whose senders were asked who they are. A phone answers
// at once, by the same request with credentials; who scans for users or for a way
// out asks again and again and never says who it is.
type asked struct {
	unanswered func(src netip.AddrPort) // told of each that was not answered; it does not block

	mu      sync.Mutex
	pending map[string]*time.Timer // by Call-ID; nil: closed
}

const (
	// answerTime is how long the answer may take: a lost message is sent three
	// times within it.
	answerTime = 5 * time.Second
	// maxAsked bounds what is remembered. Beyond it there is a flood, and who is
	// part of it does not get answerTime.
	maxAsked = 10_000
)

func newAsked(unanswered func(netip.AddrPort)) *asked {
	return &asked{unanswered: unanswered, pending: map[string]*time.Timer{}}
}

// challenge notes that src was asked who it is.
func (a *asked) challenge(callID string, src netip.AddrPort) {
	if !a.expect(callID, src) {
		a.unanswered(src)
	}
}

// expect waits for the answer; false when there is no room for one more.
func (a *asked) expect(callID string, src netip.AddrPort) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, again := a.pending[callID]; a.pending == nil || again {
		return true
	}
	if len(a.pending) >= maxAsked {
		return false
	}
	a.pending[callID] = time.AfterFunc(answerTime, func() {
		if a.answer(callID) {
			a.unanswered(src)
		}
	})
	return true
}

// answer notes that credentials came, right or wrong. It reports whether they
// were asked for.
func (a *asked) answer(callID string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	timer, ok := a.pending[callID]
	if ok {
		timer.Stop()
		delete(a.pending, callID)
	}
	return ok
}

// close forgets all.
func (a *asked) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, timer := range a.pending {
		timer.Stop()
	}
	a.pending = nil
}
