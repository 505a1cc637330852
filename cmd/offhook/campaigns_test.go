package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/campaign"
	"offhook/media/audio"
	"offhook/media/resample"
	"offhook/media/tone"
	"offhook/resource"
	"offhook/speech"
)

const (
	reminderText  = "Hello! This is a reminder from Acme Corp about your upcoming appointment. Press 1 to confirm, Press 2 to reschedule."
	confirmedText = "Great! Your appointment is confirmed. Goodbye."
	holdText      = "Please hold while we connect you to schedule a new time."
	voicemailText = "Hello, this is Acme Corp reminding you of your upcoming appointment. Please call us back at 555-123-4567 to confirm. Thank you."
)

// tape is what a phone heard and said, sample by sample, at 8 kHz.
type tape struct {
	mu          sync.Mutex
	heard, said []int16
	grown       chan struct{}
}

func newTape(c *phone.Call) *tape {
	t := &tape{grown: make(chan struct{})}
	c.Port().Attach(t, 8000)
	return t
}

// WriteFrame implements media.Sink; for a phone, said is what comes in.
func (t *tape) WriteFrame(in, out []int16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard, t.said = append(t.heard, in...), append(t.said, out...)
	close(t.grown)
	t.grown = make(chan struct{})
}

func (t *tape) snapshot() (heard, said []int16, grown <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heard, t.said, t.grown
}

// samples are all of a clip, at 8 kHz, without the silence around it.
func samples(c *audio.Clip) []int16 {
	<-c.Done()
	r := resample.New(c.Rate(), 8000)
	r.Align(0)
	var all []int16
	for part := range c.Parts() {
		for piece := range slices.Chunk(part, 1000) {
			buf := make([]int16, r.Len(len(piece)))
			all = append(all, buf[:r.Process(buf, piece)]...)
		}
	}
	from, to := 0, len(all)
	for from < to && abs(all[from]) < 300 {
		from++
	}
	for to > from && abs(all[to-1]) < 300 {
		to--
	}
	return all[from:to]
}

func abs(v int16) int { return max(int(v), -int(v)) }

// likeness is the correlation of two pieces of sound, -1 to 1.
func likeness(a, b []int16) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// locate finds a piece in a tape from a sample on; -1: it is not there.
func locate(tape, piece []int16, from, to int) int {
	best, at := 0.8, -1
	for i := max(from, 0); i < min(to, len(tape)-len(piece)); i++ {
		if l := likeness(piece, tape[i:i+len(piece)]); l > best {
			best, at = l, i
		}
	}
	return at
}

// hears waits until a whole text was heard after a sample, and returns where it
// began and ended. Of its sound a fifth may differ: the machine that runs the
// tests is busy, and what comes late is concealed.
func (t *tape) hears(w *world, c *phone.Call, text string, after int) (from, to int) {
	w.t.Helper()
	clip, err := w.server.speech.Synthesize(w.t.Context(), speech.Request{Text: text})
	if err != nil {
		w.t.Fatal(err)
	}
	want := samples(clip)
	const part = 2400 // 300 ms
	start, expected, done, missed := -1, after, 0, 0
	scanned := after
	deadline, over := time.After(40*time.Second), false
	for {
		heard, _, grown := t.snapshot()
	pieces:
		for done+part <= len(want) {
			piece := want[done : done+part]
			low, high := expected-240, expected+480
			if start < 0 {
				low, high = scanned, len(heard)-part
			}
			if over {
				high = min(high, len(heard)-part) // the hang-up follows the last word
			}
			if high <= low || len(heard) < high+part {
				break
			}
			at := locate(heard, piece, low, high)
			switch {
			case at < 0 && start < 0:
				scanned = high
				if done >= 2*part || done+part > len(want)/5 || !over && high-after < 2*len(want) {
					break pieces
				}
				missed, done, scanned = missed+1, done+part, after // its first sound was spoilt
				continue
			case at < 0:
				at = expected
				if missed++; !silent(piece) && missed*part > len(want)/5 {
					w.t.Fatalf("after %.1f s the text differs: %q", float64(done)/8000, text)
				}
			}
			if start < 0 {
				start = at - done
			}
			done, expected = done+part, at+part
		}
		if start >= 0 && (done+part > len(want) || over && done+2*part > len(want)) {
			return start, expected
		}
		if over {
			w.t.Fatalf("the call ended after %.1f of %.1f s of %q", float64(done)/8000, float64(len(want))/8000, text)
		}
		select {
		case <-grown:
		case <-c.Done():
			over = true
		case <-deadline:
			w.t.Fatalf("not heard within 40 s: %q (%.1f s of it)", text, float64(done)/8000)
		}
	}
}

// silent reports whether a piece is too quiet to be told from others.
func silent(piece []int16) bool {
	sum := 0
	for _, v := range piece {
		sum += int(v) * int(v)
	}
	return sum < len(piece)*300*300
}

// voice speaks a text on a phone.
func (w *world) voice(c *phone.Call, text string) <-chan struct{} {
	clip, err := w.server.speech.Synthesize(w.t.Context(), speech.Request{Text: text, Language: "en-GB"})
	if err != nil {
		w.t.Error(err)
	}
	<-clip.Done()
	return c.Play(clip.Source(8000)).Done()
}

// crowd is the people and machines behind the carrier, by number.
type crowd map[string]func(*phone.Call)

// answer lets the crowd take so many calls.
func (w *world) answer(people crowd, calls int) {
	for range calls {
		w.answers <- func(c *phone.Call) {
			number := c.Dialog().Invite().Recipient.User
			if f := people[number]; f != nil {
				f(c)
				return
			}
			_ = c.Reject(404)
		}
	}
}

// startReminder sets the scenario up with its documents as printed and runs it.
func startReminder(t *testing.T, people crowd, numbers ...string) *world {
	w := newReminder(t)
	w.answer(people, 40)
	w.remind(numbers...)
	return w
}

// newReminder is a world with the scenario's flow and plan.
func newReminder(t *testing.T) *world {
	w := newWorld(t, `
outplans: [{id: outplan-uuid, name: plan, source: {type: tel, target: "+15550001111"}, dial_timeout: 20000, try_interval: 500, max_try_count_0: 2}]
`)
	flow := strings.Replace(document(t, "flows/campaign-amd"), "{", `{"id": "campaign-flow-uuid",`, 1) // the scenario's own id
	w.api("POST", "/v1/flows", flow, nil)
	return w
}

// remind runs the scenario's campaign for numbers, at any hour.
func (w *world) remind(numbers ...string) {
	w.t.Helper()
	var c resource.Campaign
	w.api("POST", "/v1/campaigns", document(w.t, "requests/campaign"), &c)
	w.api("POST", "/v1/outdials", map[string]any{"id": "people", "campaign_id": c.ID}, nil)
	var list []map[string]any
	for _, n := range numbers {
		list = append(list, map[string]any{"id": n[1:], "destination_0": map[string]string{"type": "tel", "target": n}, "data": `{"name":"Ann"}`})
	}
	w.api("POST", "/v1/outdials/people/targets", list, nil)
	w.api("PUT", "/v1/campaigns/"+c.ID+"/status", map[string]string{"status": "run"}, &c)
	if window, err := campaign.NewWindow(c.Schedule); err != nil || !window.Open(time.Now()) {
		w.hook("campaign_updated", `"waiting_for":"schedule"`)
		var stats campaign.Stats
		w.api("GET", "/v1/campaigns/"+c.ID+"/stats", nil, &stats)
		if stats.Placed != 0 || stats.Left != len(numbers) || stats.Status != "run" {
			w.t.Fatalf("outside of the schedule: %+v", stats)
		}
		day := *c.Schedule
		day.StartTime, day.EndTime, day.Days = "00:00", "23:59", nil
		if now := time.Now(); now.Minute() == 59 {
			day.Timezone = "Asia/Kolkata" // half an hour off: never 23:59 there now
		}
		w.api("PUT", "/v1/campaigns/"+c.ID, map[string]any{"schedule": day}, nil)
	}
}

func TestSeedCampaign(t *testing.T) {
	results := make(chan string, 8)
	var w *world
	answered := func(do func(c *phone.Call, l *tape)) func(*phone.Call) {
		return func(c *phone.Call) {
			l := newTape(c)
			w.pickUp(c)
			do(c, l)
		}
	}
	people := crowd{
		"+15550100001": answered(func(c *phone.Call, l *tape) { // presses 1
			<-w.voice(c, "Hello?")
			_, end := l.hears(w, c, reminderText, 0)
			if err := c.SendDigits(t.Context(), "1"); err != nil {
				t.Error(err)
			}
			l.hears(w, c, confirmedText, end)
			<-c.Done()
			results <- "confirmed"
		}),
		"+15550100002": answered(func(c *phone.Call, l *tape) { // presses 2
			<-w.voice(c, "Yes, hello?")
			_, end := l.hears(w, c, reminderText, 0)
			if err := c.SendDigits(t.Context(), "2"); err != nil {
				t.Error(err)
			}
			l.hears(w, c, holdText, end)
			e := newEar()
			c.Port().Attach(e, 8000)
			receiveOr(t, "the desk is heard", e.hears(60))
			c.Hangup()
			results <- "rescheduled"
		}),
		"+15551234567": answered(func(c *phone.Call, _ *tape) { // the desk
			c.Play(tone.New(8000, tone.Milliwatt()))
			<-c.Done()
			results <- "desk"
		}),
		"+15550100003": answered(func(c *phone.Call, l *tape) { // presses nothing
			<-w.voice(c, "Hello?")
			_, end := l.hears(w, c, reminderText, 0)
			l.hears(w, c, reminderText, end)
			c.Hangup()
			results <- "silent"
		}),
		"+15550100004": answered(func(c *phone.Call, l *tape) { // a machine
			<-w.voice(c, "Hi, you have reached the Miller family. We can not come to the phone right now, so please leave a message after the tone, and we will call you back.")
			<-c.Play(tone.New(8000, tone.Spec{Hz1: 1400, On: 300 * time.Millisecond, Level: -15})).Done()
			_, said, _ := l.snapshot()
			from, _ := l.hears(w, c, voicemailText, len(said)-8000)
			_, said, _ = l.snapshot()
			end := from
			for end > 0 && abs(said[end]) < 300 {
				end--
			}
			if gap := (from - end) / 8; gap < 100 || gap > 400 {
				t.Errorf("the message began %d ms after the beep", gap)
			} else {
				t.Logf("the message began %d ms after the beep", gap)
			}
			<-c.Done()
			results <- "voicemail"
		}),
		"+15550100005": func(c *phone.Call) { // busy twice
			_ = c.Reject(486)
			results <- "busy"
		},
	}
	wait := make(chan struct{})
	gated := crowd{}
	for n, f := range people {
		gated[n] = func(c *phone.Call) { <-wait; f(c) }
	}
	w = startReminder(t, gated, "+15550100001", "+15550100002", "+15550100003", "+15550100004", "+15550100005")
	close(wait)
	got := map[string]int{}
	for range 7 {
		got[receiveOr(t, fmt.Sprintf("another result after %v", got), results)]++
	}
	for who, n := range map[string]int{"confirmed": 1, "rescheduled": 1, "desk": 1, "silent": 1, "voicemail": 1, "busy": 2} {
		if got[who] != n {
			t.Errorf("%s: %d, not %d", who, got[who], n)
		}
	}
	w.hook("campaign_status_stop", "")
	checkReminder(t, w)
}

// checkReminder looks at what is stored after the campaign.
func checkReminder(t *testing.T, w *world) {
	t.Helper()
	var list struct{ Result []resource.Campaigncall }
	w.api("GET", "/v1/campaigncalls", nil, &list)
	verdicts := map[string]string{}
	for _, c := range list.Result {
		if c.Status != "done" || c.TMEnd == nil {
			t.Errorf("open: %+v", c)
		}
		verdicts[c.OutdialTargetID] += c.Result + " " + c.HangupReason + " " + c.AMDResult + ";"
	}
	want := map[string]string{
		"15550100001": "success normal human;", "15550100002": "success normal human;", "15550100003": "success normal human;",
		"15550100004": "success normal machine;", "15550100005": "fail busy ;fail busy ;",
	}
	for id, v := range want {
		if verdicts[id] != v {
			t.Errorf("%s: %q, not %q", id, verdicts[id], v)
		}
	}
	var targets struct{ Result []resource.OutdialTarget }
	w.api("GET", "/v1/outdials/people/targets", nil, &targets)
	for _, target := range targets.Result {
		result := "success"
		if target.ID == "15550100005" {
			result = "exhausted"
		}
		if target.Status != "done" || target.Result != result {
			t.Errorf("target %s: %s %s", target.ID, target.Status, target.Result)
		}
	}
}

// TestCampaignDestinations runs a campaign over what is no plain number: an
// extension's phones, then, by the next campaign, flows without calls.
func TestCampaignDestinations(t *testing.T) {
	w := newWorld(t, `
extensions: [{id: bob, extension: "1002", password: secret}]
flows: [{id: note, actions: [{type: variable_set, option: {key: seen, value: "${outdialtarget.data.name}"}}]}]
outplans: [{id: plan, name: plan, source: {type: tel, target: "+15550001111"}, max_try_count_0: 1, max_try_count_1: 1}]
campaigns:
  - {id: flows, name: second, type: flow, outplan_id: plan, flow_id: note}
  - {id: calls, name: first, outplan_id: plan, flow_id: note, next_campaign_id: flows}
donotcalls: [{id: no, number: "+1 555 010-0009"}]
`)
	w.api("POST", "/v1/outdials", map[string]any{"id": "one", "campaign_id": "calls"}, nil)
	w.api("POST", "/v1/outdials", map[string]any{"id": "two", "campaign_id": "flows"}, nil)
	w.phone("1002", "secret", func(c *phone.Call) { w.pickUp(c) })
	bob := map[string]any{
		"id": "bob", "destination_0": map[string]string{"type": "tel", "target": "+15550100009"},
		"destination_1": map[string]string{"type": "extension", "target": "1002"}, "data": `{"name": "Bob"}`,
	}
	ann := map[string]any{"id": "ann", "destination_0": map[string]string{"type": "extension", "target": "1002"}, "data": `{"name": "Ann"}`}
	w.api("POST", "/v1/outdials/one/targets", []any{bob, ann}, nil)
	other := map[string]any{"id": "eve", "destination_0": map[string]string{"type": "tel", "target": "+15550100001"}, "data": `{"name": "Eve"}`}
	w.api("POST", "/v1/outdials/two/targets", other, nil)
	var dry campaign.DryRun
	w.api("GET", "/v1/campaigns/calls/dry_run", nil, &dry)
	if dry.Targets != 2 || dry.Dial != 1 || dry.Skipped["do_not_call"] != 1 {
		t.Errorf("dry run %+v", dry)
	}
	w.api("PUT", "/v1/campaigns/calls/status", map[string]string{"status": "run"}, nil)
	for _, name := range []string{"Ann", "Eve"} {
		w.hook("activeflow_ended", fmt.Sprintf(`"seen":%q`, name))
	}
	w.hook("campaign_status_stop", `"id":"flows"`)
	var stats campaign.Stats
	w.api("GET", "/v1/campaigns/calls/stats", nil, &stats)
	if stats.Done != 2 || stats.Attempts != 1 || stats.Left != 0 {
		t.Errorf("stats %+v", stats)
	}
	var targets struct{ Result []resource.OutdialTarget }
	w.api("GET", "/v1/outdials/one/targets", nil, &targets)
	for _, target := range targets.Result {
		if want := map[string]string{"bob": "do_not_call", "ann": "success"}[target.ID]; target.Result != want {
			t.Errorf("%s: %s", target.ID, target.Result)
		}
	}
	var calls struct{ Result []resource.Campaigncall }
	w.api("GET", "/v1/campaigns/flows/campaigncalls", nil, &calls)
	if len(calls.Result) != 1 || calls.Result[0].Result != "success" || calls.Result[0].ReferenceType != "flow" {
		t.Errorf("%+v", calls.Result)
	}
}
