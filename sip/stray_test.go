package sip

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestStrayAnswer holds that an answer to an INVITE of a process that is gone is
// acknowledged and hung up, and told, if it is known; any other is left alone.
func TestStrayAnswer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	told := make(chan string, 10)
	callee := newParty(t, Config{Listen: []string{"udp://127.0.0.1:0"}})
	caller := newParty(t, Config{Listen: []string{"udp://127.0.0.1:0"}, Stray: func(id string, status int) bool {
		told <- fmt.Sprint(id, " ", status)
		return id == "known"
	}})
	for _, tt := range []struct {
		id     string
		status int
		ended  string // what the callee hears of it
	}{
		{"known", 200, "ended peer 200"},
		{"busy", 486, "ended local 486"},
		{"unknown", 200, ""},
	} {
		if _, err := caller.stack.Invite(ctx, InviteOptions{To: callee.uri("udp", "bob"), From: "alice", Offer: []byte("v=offer"), CallID: tt.id}, &caller.ear); err != nil {
			t.Fatal(err)
		}
		in := callee.next(t)
		if err := in.Provisional(180, "", nil); err != nil {
			t.Fatal(err)
		}
		caller.expect(t, "progress 180")
		caller.stack.mu.Lock()
		clear(caller.stack.clients) // as after a new start
		caller.stack.mu.Unlock()
		if tt.status == 200 {
			go in.Answer([]byte("v=answer"))
		} else if err := in.Reject(tt.status, ""); err != nil {
			t.Fatal(err)
		}
		if got, want := <-told, fmt.Sprint(tt.id, " ", tt.status); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		if tt.ended != "" {
			callee.expect(t, tt.ended)
		}
	}
}

// TestHeardBeforeAck holds that an answer is acknowledged after Heard returned.
func TestHeardBeforeAck(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	callee := newParty(t, Config{Listen: []string{"udp://127.0.0.1:0"}})
	caller := newParty(t, Config{Listen: []string{"udp://127.0.0.1:0"}})
	heard, written := make(chan struct{}), make(chan struct{})
	d, err := caller.stack.Invite(ctx, InviteOptions{To: callee.uri("udp", "bob"), From: "alice", Offer: []byte("v=offer"), Heard: func() {
		close(heard)
		<-written
	}}, &caller.ear)
	if err != nil {
		t.Fatal(err)
	}
	in := callee.next(t)
	go in.Answer([]byte("v=answer"))
	<-heard
	in.mu.Lock()
	if in.unconfirmed == nil {
		t.Error("acknowledged before it was written")
	}
	in.mu.Unlock()
	close(written)
	caller.expect(t, "answered v=answer")
	if err := d.Hangup(Cause{}); err != nil {
		t.Fatal(err)
	}
	callee.expect(t, "ended peer 200")
}
