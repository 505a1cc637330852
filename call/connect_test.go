package call_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// provider makes a carrier phone and a provider that leads to it.
func (b *bench) provider(id string, incoming func(*phone.Call)) *phone.Phone {
	b.t.Helper()
	p := b.phone(id, "", incoming)
	b.providerAt(id, p.Addr().String())
	return p
}

// providerAt makes a provider at an address.
func (b *bench) providerAt(id, hostname string) {
	b.insert(func(tx *store.Tx) error {
		return rows.Providers.Insert(tx, &resource.Provider{Identity: resource.Identity{ID: id, CustomerID: customer}, Hostname: hostname})
	})
}

// route leads numbers with a prefix to a provider.
func (b *bench) route(provider, target string, priority int) {
	b.insert(func(tx *store.Tx) error {
		return rows.Routes.Insert(tx, &resource.Route{Identity: resource.Identity{CustomerID: customer}, ProviderID: provider, Target: target, Priority: priority})
	})
}

func tel(number string) resource.Address { return resource.Address{Type: "tel", Target: number} }

// reject refuses every call with a status.
func reject(status int) func(*phone.Call) {
	return func(c *phone.Call) { _ = c.Reject(status) }
}

// answer picks every call up and says so.
func answer(got chan<- *phone.Call) func(*phone.Call) {
	return func(c *phone.Call) {
		_ = c.Ring()
		_ = c.Answer()
		got <- c
	}
}

// ring rings and does nothing more.
func ring(got chan<- *phone.Call) func(*phone.Call) {
	return func(c *phone.Call) {
		_ = c.Ring()
		got <- c
	}
}

func TestConnectResults(t *testing.T) {
	for _, tc := range []struct {
		name   string
		callee func(*phone.Call)
		want   string
	}{
		{"busy", reject(486), call.ConnectBusy},
		{"declined", reject(603), call.ConnectRejected},
		{"unavailable", reject(480), call.ConnectNoAnswer},
		{"not found", reject(404), call.ConnectFailed},
		{"rings on", ring(make(chan *phone.Call, 1)), call.ConnectNoAnswer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			results := make(chan call.ConnectResult, 1)
			b := newBench(t, func(ctx context.Context, c *call.Call, _ call.Script) {
				res, _ := c.Connect(ctx, call.ConnectOptions{Destinations: []resource.Address{tel("+1777")}, RingTimeout: 300 * time.Millisecond})
				results <- res
			})
			b.provider("p", tc.callee)
			b.route("p", "all", 1)
			b.number("+1555", "f")
			c := b.dial(b.phone("caller", "", nil), "+1555")
			select {
			case res := <-results:
				if res.Result != tc.want {
					t.Errorf("result %q, want %q", res.Result, tc.want)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("connect did not return")
			}
			wait(t, "the caller's call ends with its script", c.Done())
		})
	}
}

func TestConnectToNobody(t *testing.T) {
	results := make(chan call.ConnectResult, 1)
	b := newBench(t, func(ctx context.Context, c *call.Call, _ call.Script) {
		res, _ := c.Connect(ctx, call.ConnectOptions{Destinations: []resource.Address{{Type: "extension", Target: "4711"}}})
		results <- res
	})
	b.number("+1555", "f")
	c := b.dial(b.phone("caller", "", nil), "+1555")
	if res := <-results; res.Result != call.ConnectFailed {
		t.Errorf("result %+v", res)
	}
	wait(t, "end", c.Done())
}

func TestRelayedReasonReachesTheCaller(t *testing.T) {
	b := newBench(t, connectScript(t))
	b.extension("1002", reject(486))
	alice := b.extension("1001", nil)
	c := b.dial(alice, "1002")
	wait(t, "end", c.Done())
	if c.End().Status != 486 {
		t.Errorf("the caller got %d, want the callee's 486", c.End().Status)
	}
}

// A route that fails for reasons of its own is followed by the next; what the
// called party says is final.
func TestRouteFailover(t *testing.T) {
	for name, first := range map[string]func(*bench){
		"503":         func(b *bench) { b.provider("bad", reject(503)) },
		"500":         func(b *bench) { b.provider("bad", reject(500)) },
		"408":         func(b *bench) { b.provider("bad", reject(408)) },
		"unreachable": func(b *bench) { b.providerAt("bad", "127.0.0.1:1;transport=tcp") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := make(chan *phone.Call, 1)
			b := newBench(t, func(ctx context.Context, c *call.Call, _ call.Script) { <-ctx.Done() })
			first(b)
			b.provider("good", answer(got))
			b.route("bad", "+1", 1)
			b.route("good", "+1", 2)
			calls, _, err := b.x.Dial(t.Context(), call.DialOptions{CustomerID: customer, Source: tel("+1555"), Destinations: []resource.Address{tel("+1777")}, Script: call.Script{FlowID: "f"}})
			if err != nil || len(calls) != 1 {
				t.Fatalf("%v, %v", calls, err)
			}
			c := <-got
			wait(t, "answer", calls[0].AnsweredSignal())
			c.Hangup()
			wait(t, "end", calls[0].Done())
			row := calls[0].Snapshot()
			if row.HangupReason != call.ReasonNormal || row.HangupBy != "remote" {
				t.Errorf("ended by %s for %s", row.HangupBy, row.HangupReason)
			}
		})
	}
}

// The longest prefix counts before the priority.
func TestRoutesByPrefixThenPriority(t *testing.T) {
	rung := make(chan string, 8)
	b := newBench(t, nil)
	for _, r := range []struct {
		id, target string
		priority   int
	}{{"all", "all", 0}, {"us", "+1", 1}, {"city", "+1212", 9}, {"city2", "+1212", 10}} {
		b.provider(r.id, func(c *phone.Call) {
			rung <- r.id
			_ = c.Reject(503)
		})
		b.route(r.id, r.target, r.priority)
	}
	for number, want := range map[string]string{"+12125550000": "city city2 us all", "+13105550000": "us all", "+4930": "all"} {
		calls, _, err := b.x.Dial(t.Context(), call.DialOptions{CustomerID: customer, Destinations: []resource.Address{tel(number)}})
		if err != nil {
			t.Fatal(err)
		}
		wait(t, "end", calls[0].Done())
		var order []string
		for len(rung) > 0 {
			order = append(order, <-rung)
		}
		if got := strings.Join(order, " "); got != want {
			t.Errorf("%s went to %s, want %s", number, got, want)
		}
	}
}

func TestHangupReasonsOfCallsOut(t *testing.T) {
	for _, tc := range []struct {
		status int
		want   string
	}{{486, "busy"}, {600, "busy"}, {603, "noanswer"}, {480, "noanswer"}, {404, "failed"}, {500, "failed"}} {
		b := newBench(t, nil)
		b.provider("p", reject(tc.status))
		b.route("p", "all", 1)
		calls, _, err := b.x.Dial(t.Context(), call.DialOptions{CustomerID: customer, Destinations: []resource.Address{tel("+1777")}})
		if err != nil {
			t.Fatal(err)
		}
		wait(t, "end", calls[0].Done())
		if row := calls[0].Snapshot(); row.HangupReason != tc.want {
			t.Errorf("%d: %s, want %s", tc.status, row.HangupReason, tc.want)
		}
	}
}

func TestFirstAnswerWins(t *testing.T) {
	slow, fast := make(chan *phone.Call, 1), make(chan *phone.Call, 1)
	b := newBench(t, func(ctx context.Context, c *call.Call, _ call.Script) {
		_, _ = c.Connect(ctx, call.ConnectOptions{Destinations: []resource.Address{
			{Type: "extension", Target: "1001"}, {Type: "extension", Target: "1002"},
		}})
	})
	rings := make(chan struct{})
	b.extension("1001", func(c *phone.Call) {
		_ = c.Ring()
		close(rings)
		slow <- c
	})
	b.extension("1002", func(c *phone.Call) {
		<-rings // both ring before one answers
		answer(fast)(c)
	})
	b.number("+1555", "f")
	c := b.dial(b.phone("caller", "", nil), "+1555")
	loser, winner := <-slow, <-fast
	wait(t, "the caller is answered", c.UpSignal())
	wait(t, "the other phone stops ringing", loser.Done())
	if loser.End().Status != 487 {
		t.Errorf("the other phone's call ended with %d, want 487", loser.End().Status)
	}
	c.Hangup()
	wait(t, "the winner's call ends with the caller's", winner.Done())
}

// Who reads a groupcall while it lasts sees its calls and who answered.
func TestGroupcallIsReadWhileItLasts(t *testing.T) {
	picked := make(chan *phone.Call, 1)
	b := newBench(t, func(ctx context.Context, _ *call.Call, _ call.Script) { <-ctx.Done() })
	b.extension("1001", reject(486))
	b.extension("1002", answer(picked))
	_, groups, err := b.x.Dial(t.Context(), call.DialOptions{
		CustomerID: customer, Group: true, RingMethod: "linear", Script: call.Script{FlowID: "f"},
		Destinations: []resource.Address{{Type: "extension", Target: "1001"}, {Type: "extension", Target: "1002"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "the second is answered", (<-picked).UpSignal())
	settle(t, "groupcalls without an answer", func() int {
		if err := b.db.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		g, err := rows.Groupcalls.Load(t.Context(), b.db, customer, groups[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if g.AnswerCallID == "" {
			return 1
		}
		if len(g.CallIDs) != 2 || g.AnswerCallID != g.CallIDs[1] || g.DialIndex != 1 || g.Status != resource.StatusProgressing {
			t.Errorf("call_ids %v, answer_call_id %s, dial_index %d, status %s", g.CallIDs, g.AnswerCallID, g.DialIndex, g.Status)
		}
		return 0
	})
}

func TestEarlyMediaReachesTheCaller(t *testing.T) {
	got := make(chan *phone.Call, 1)
	b := newBench(t, connectScript(t))
	b.extension("1002", func(c *phone.Call) {
		if err := c.EarlyMedia(); err != nil {
			t.Error(err)
		}
		got <- c
	})
	c := b.dial(b.extension("1001", nil), "1002")
	bob := <-got
	heard := listen(c)
	bob.Play(milliwatt())
	wait(t, "the caller hears the callee before the answer", heard)
	select {
	case <-c.UpSignal():
		t.Error("the caller's call was answered before the callee answered")
	default:
	}
	if err := bob.Answer(); err != nil {
		t.Fatal(err)
	}
	wait(t, "answer", c.UpSignal())
	wait(t, "the caller hears the callee after the answer", listen(c))
}

func TestPartyHoldPlaysMusicToTheOther(t *testing.T) {
	got := make(chan *phone.Call, 1)
	b := newBench(t, connectScript(t))
	b.extension("1002", answer(got))
	c := b.dial(b.extension("1001", nil), "1002")
	bob := <-got
	wait(t, "answer", c.UpSignal())
	if err := bob.Hold(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	wait(t, "the held caller hears music", listen(c))
	row := b.awaitCall("call_updated", func(r resource.Call) bool { return r.Hold })
	if row.Destination.Target != "1002" {
		t.Errorf("the call to %s is held, not bob's", row.Destination.Target)
	}
	if err := bob.Hold(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	b.awaitCall("call_updated", func(r resource.Call) bool { return r.ID == row.ID && !r.Hold && r.TMUpdate.After(*row.TMUpdate) })
	heard := listen(bob)
	c.Play(milliwatt())
	wait(t, "bob hears again", heard)
}

func TestCallerCancelsWhileCalleeRings(t *testing.T) {
	got := make(chan *phone.Call, 1)
	b := newBench(t, connectScript(t))
	b.extension("1002", ring(got))
	c := b.dial(b.extension("1001", nil), "1002")
	bob := <-got
	c.Hangup()
	wait(t, "the callee stops ringing", bob.Done())
	wait(t, "the caller's end", c.Done())
	b.await("call_hungup")
	settle(t, "calls are left", b.x.Live)
}

func TestStrangersAreRefusedAlike(t *testing.T) {
	b := newBench(t, nil, func(c *call.Config) {})
	b.insert(func(tx *store.Tx) error { return rows.Trunks.Delete(tx, customer, "t") })
	b.x.Changed(t.Context(), &resource.Trunk{}, true)
	b.extension("1001", nil)
	for _, user := range []string{"1001", "4711"} {
		stranger := b.phone(user, "wrong", nil)
		c := b.dial(stranger, "1001")
		wait(t, "end", c.Done())
		if c.End().Status != 403 && c.End().Status != 407 {
			t.Errorf("user %s got %d", user, c.End().Status)
		}
		t.Log(user, c.End().Status)
	}
}

func TestMaxCalls(t *testing.T) {
	b := newBench(t, func(ctx context.Context, c *call.Call, _ call.Script) { _ = c.Answer(ctx); <-ctx.Done() },
		func(c *call.Config) { c.MaxCalls = 1 })
	b.number("+1555", "f")
	p := b.phone("caller", "", nil)
	first := b.dial(p, "+1555")
	wait(t, "answer", first.UpSignal())
	second := b.dial(p, "+1555")
	wait(t, "end", second.Done())
	if e := second.End(); e.Status != 503 || e.RetryAfter == 0 {
		t.Errorf("the second call got %d, Retry-After %s", e.Status, e.RetryAfter)
	}
}
