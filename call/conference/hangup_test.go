package conference_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/flow"
	"offhook/resource"
)

// people are those of one scene in virtual time: C, who dials the number, A, who
// is called by its script, B, to whom A transfers. What they do is up to the
// scene; who is up is known by name.
type people struct {
	*stage
	phones []*phone.Phone
	calls  map[string]*phone.Call // guarded by stage.mu
	ofA    chan *call.Call        // ours to A
}

// takes registers a phone that does something with its call.
func (p *people) takes(name, extension string, do func(*phone.Call)) {
	p.phones = append(p.phones, p.phone(extension, "secret", func(c *phone.Call) {
		p.enter(name, c)
		do(c)
	}))
}

func (p *people) enter(name string, c *phone.Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[name] = c
}

// up names those who are in a call that has been answered.
func (p *people) up() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for name, c := range p.calls {
		select {
		case <-c.Done():
			continue
		default:
		}
		select {
		case <-c.UpSignal():
			list = append(list, name)
		default:
		}
	}
	slices.Sort(list)
	return strings.Join(list, "")
}

// leaves is what a name does to end its part.
func (p *people) leaves(name string) {
	p.mu.Lock()
	c := p.calls[name]
	p.mu.Unlock()
	c.Hangup()
}

// dials lets C call the number.
func (p *people) dials(name string) {
	trunk := p.phone(name, "", nil)
	c, err := trunk.Dial(p.t.Context(), uri("+1555"), "")
	must(p.t, err)
	p.phones = append(p.phones, trunk)
	p.enter(name, c)
	time.Sleep(time.Second)
}

func rings(c *phone.Call)   { _ = c.Ring() }
func early(c *phone.Call)   { _ = c.EarlyMedia() }
func answers(c *phone.Call) { _ = c.Ring(); _ = c.Answer() }

// connects is a scene in which A is called, with a script of one connect.
func connects(a func(*phone.Call), o call.ConnectOptions) func(*people) {
	return func(p *people) {
		p.script = func(ctx context.Context, c *call.Call) {
			o := o
			o.Destinations = []resource.Address{{Type: "extension", Target: "1001"}}
			o.RingTimeout = time.Minute
			o.Placed = func(callee *call.Call) { p.ofA <- callee }
			_, _ = c.Connect(ctx, o)
		}
		p.takes("A", "1001", a)
		p.dials("C")
	}
}

// transfers is a scene in which C and A talk, and A transfers to B.
func transfers(b func(*phone.Call), begin func(*people)) func(*people) {
	return func(p *people) {
		p.takes("B", "1002", b)
		connects(answers, call.ConnectOptions{})(p)
		begin(p)
		time.Sleep(time.Second)
	}
}

// byAPI has A transfer through the API.
func byAPI(blind bool) func(*people) {
	return func(p *people) {
		_, err := (<-p.ofA).Transfer(p.t.Context(), call.TransferOptions{Blind: blind, Destinations: []resource.Address{{Type: "extension", Target: "1002"}}})
		must(p.t, err)
	}
}

// byPhone has A transfer blindly by REFER.
func byPhone(p *people) {
	p.mu.Lock()
	a := p.calls["A"]
	p.mu.Unlock()
	must(p.t, a.Refer(p.t.Context(), uri("1002"), "", func(int) {}))
}

// confers is a scene in a conference: C joins it; D too where somebody opens it.
func confers(id string, more bool) func(*people) {
	return func(p *people) {
		p.script = func(ctx context.Context, c *call.Call) {
			_, _ = p.rooms.Of(c).JoinConference(ctx, flow.Room{ConferenceID: id})
		}
		p.dials("C")
		if more {
			p.dials("D")
		}
	}
}

// TestHangupInEveryState hangs up either side in every state of connect,
// whisper, transfer and conference: by its phone and by the API. Those who are
// left are with each other or gone, and nothing stays behind.
func TestHangupInEveryState(t *testing.T) {
	whisper := call.ConnectOptions{Whisper: &call.Whisper{Message: call.Prompt{Kind: call.PromptBeep}, AcceptKey: "1", RejectKey: "2", Timeout: time.Minute}}
	for _, scene := range []struct {
		name  string
		begin func(*people)
		up    string            // who is up before
		after map[string]string // who is up two seconds after one has left
	}{
		{"connect rings", connects(rings, call.ConnectOptions{}), "", map[string]string{"C": "", "A": ""}},
		{"connect with early sound", connects(early, call.ConnectOptions{EarlyMedia: true}), "", map[string]string{"C": "", "A": ""}},
		{"connect whispers", connects(answers, whisper), "A", map[string]string{"C": "", "A": ""}},
		{"connect talks", connects(answers, call.ConnectOptions{}), "AC", map[string]string{"C": "", "A": ""}},
		{"attended transfer rings", transfers(rings, byAPI(false)), "AC", map[string]string{"C": "A", "A": "C", "B": "AC"}},
		{"attended transfer consults", transfers(answers, byAPI(false)), "ABC", map[string]string{"C": "AB", "A": "BC", "B": "AC"}},
		{"blind transfer rings", transfers(rings, byAPI(true)), "C", map[string]string{"C": "", "B": ""}},
		{"blind transfer is through", transfers(answers, byAPI(true)), "BC", map[string]string{"C": "", "B": ""}},
		{"REFER rings", transfers(rings, byPhone), "AC", map[string]string{"C": "", "A": "C", "B": "AC"}},
		{"REFER is through", transfers(answers, byPhone), "BC", map[string]string{"C": "", "B": ""}},
		{"conference waits", confers("led", true), "CD", map[string]string{"C": "D", "D": "C"}},
		{"conference", confers("open", true), "CD", map[string]string{"C": "D", "D": "C"}},
	} {
		for who, after := range scene.after {
			for _, by := range []string{"phone", "API"} {
				t.Run(scene.name+", "+who+" leaves by "+by, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						p := &people{stage: newStage(t, 1, &tally{counts: map[string]int{}}), calls: map[string]*phone.Call{}, ofA: make(chan *call.Call, 1)}
						scene.begin(p)
						if got := p.up(); got != scene.up {
							t.Errorf("before, %q are up, want %q", got, scene.up)
						}
						p.goes(who, by)
						time.Sleep(2 * time.Second)
						if got := p.up(); got != after {
							t.Errorf("after, %q are up, want %q", got, after)
						}
						p.close(p.phones...)
					})
				})
			}
		}
	}
}

// goes ends somebody's part: by its phone, or by the API on our call to or from
// it.
func (p *people) goes(who, by string) {
	if by == "phone" {
		p.leaves(who)
		return
	}
	for _, c := range p.x.Calls() {
		row := c.Snapshot()
		is := map[string]string{"1001": "A", "1002": "B"}[row.Destination.Target]
		if row.Direction == resource.DirectionIncoming {
			is = row.Source.Target
		}
		if is == who {
			c.Hangup(call.CauseOf(call.ReasonNormal))
			return
		}
	}
	p.t.Errorf("no call of %s's", who)
}

// TestRemovedAfterItWasMoved has A bring C and B together by REFER with Replaces,
// which moves C to B's conversation or B to C's, and then ends C's connect as a
// kick does: C's flow goes on, and B is let go.
func TestRemovedAfterItWasMoved(t *testing.T) {
	for _, moved := range []string{"C", "B"} {
		t.Run(moved, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &people{stage: newStage(t, 1, &tally{counts: map[string]int{}}), calls: map[string]*phone.Call{}, ofA: make(chan *call.Call, 2)}
				kick, on := context.WithCancel(t.Context())
				goesOn := make(chan struct{})
				defer on()
				connect := func(ctx context.Context, c *call.Call, to string) {
					_, _ = c.Connect(ctx, call.ConnectOptions{Destinations: []resource.Address{{Type: "extension", Target: to}}})
				}
				p.script = func(ctx context.Context, c *call.Call) {
					if c.Snapshot().Source.Target != "C" {
						connect(ctx, c, "1002")
						return
					}
					inside, cancel := context.WithCancel(ctx)
					defer context.AfterFunc(kick, cancel)()
					connect(inside, c, "1001")
					close(goesOn)
					<-ctx.Done()
				}
				p.takes("A", "1001", answers)
				p.takes("B", "1002", answers)
				p.dials("C")
				second, err := p.phones[0].Dial(t.Context(), uri("+1555"), "")
				must(t, err)
				time.Sleep(time.Second)
				from, other := second, p.calls["A"]
				if moved == "B" {
					from, other = other, from
				}
				d := other.Dialog()
				must(t, from.Refer(t.Context(), uri("1002"), d.CallID()+";to-tag="+d.RemoteTag()+";from-tag="+d.LocalTag(), func(int) {}))
				time.Sleep(time.Second)
				if up := p.up(); up != "BC" {
					t.Errorf("%q are up after the transfer, want BC", up)
				}
				on()
				time.Sleep(time.Second)
				select {
				case <-goesOn:
				default:
					t.Error("C's flow does not go on")
				}
				if up := p.up(); up != "C" {
					t.Errorf("%q are up after the kick, want C", up)
				}
				p.close(p.phones...)
			})
		})
	}
}

// TestAnswerMeetsTheEnd has B answer in the very moment in which the transfer
// to it is cancelled, or C leaves a blind one: whichever is first, nobody is left
// with nobody. The order differs from run to run, so there are several.
func TestAnswerMeetsTheEnd(t *testing.T) {
	for _, scene := range []struct {
		name  string
		blind bool
		end   func(p *people, h *call.Handover)
		up    []string
	}{
		{"cancelled", false, func(p *people, h *call.Handover) { _, _ = h.Cancel(p.t.Context()) }, []string{"AC"}},
		{"C leaves", true, func(p *people, _ *call.Handover) { p.leaves("C") }, []string{""}},
	} {
		for hops := range 30 {
			t.Run(scene.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := &people{stage: newStage(t, 1, &tally{counts: map[string]int{}}), calls: map[string]*phone.Call{}, ofA: make(chan *call.Call, 1)}
					atOnce := make(chan struct{})
					p.takes("B", "1002", func(c *phone.Call) {
						rings(c)
						<-atOnce
						_ = c.Answer()
					})
					connects(answers, call.ConnectOptions{})(p)
					row, err := (<-p.ofA).Transfer(t.Context(), call.TransferOptions{Blind: scene.blind, Destinations: []resource.Address{{Type: "extension", Target: "1002"}}})
					must(t, err)
					time.Sleep(time.Second)
					h, ok := p.x.FindTransfer(customer, row.ID)
					if !ok {
						t.Fatal("the transfer is over")
					}
					close(atOnce)
					if !scene.blind {
						time.Sleep(p.network.Delay) // C's hang-up takes as long as B's answer
					}
					for range hops { // let the answer come a little further each time
						runtime.Gosched()
					}
					scene.end(p, h)
					time.Sleep(2 * time.Second)
					if got := p.up(); !slices.Contains(scene.up, got) {
						t.Errorf("%q are up, want one of %q", got, scene.up)
					}
					p.close(p.phones...)
				})
			})
		}
	}
}
