package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/resource"
)

// placed calls the carrier and returns the call that came of it.
func (w *world) placed(body map[string]any) resource.Call {
	w.t.Helper()
	body["destinations"] = []map[string]any{{"type": "tel", "target": "+15551"}}
	var placed struct{ Calls []resource.Call }
	w.api("POST", "/v1/calls", body, &placed)
	if len(placed.Calls) != 1 {
		w.t.Fatalf("placed %+v", placed)
	}
	return placed.Calls[0]
}

// hungup waits for the end of a call.
func (w *world) hungup(id string) resource.Call {
	w.t.Helper()
	var c resource.Call
	if err := json.Unmarshal(w.hook("call_hungup", id), &c); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func TestCallWithNothingToRunEndsWhenAnswered(t *testing.T) {
	w := newWorld(t, "")
	party := w.next(w.pickUp)
	c := w.placed(map[string]any{})
	receiveOr(t, "the party's call ends", receiveOr(t, "the party is called", party).Done())
	if end := w.hungup(c.ID); end.HangupReason != "normal" || end.HangupBy != "local" || end.TMProgressing == nil {
		t.Errorf("%+v", end)
	}
}

func TestCancelledCallSaysSo(t *testing.T) {
	w := newWorld(t, "")
	party := w.next(func(c *phone.Call) { _ = c.Ring() })
	c := w.placed(map[string]any{})
	receiveOr(t, "the party is called", party)
	w.hook("call_ringing", c.ID)
	w.api("POST", "/v1/calls/"+c.ID+"/hangup", nil, nil)
	if end := w.hungup(c.ID); end.HangupReason != "cancel" || end.HangupBy != "local" {
		t.Errorf("by %s, reason %s", end.HangupBy, end.HangupReason)
	}
}

func TestWhatHappenedIsFoundAtOnce(t *testing.T) {
	w := newWorld(t, `
flows: [{id: wait, actions: [{type: answer}, {type: sleep, option: {duration: 60000}}]}]
numbers: [{id: main, number: "+15550000000", call_flow_id: wait}]
`)
	caller := w.dial("+15550000000")
	receiveOr(t, "answer", caller.UpSignal())
	var list struct{ Result []resource.Call }
	w.api("GET", "/v1/calls", nil, &list)
	if len(list.Result) != 1 || list.Result[0].Status != "progressing" {
		t.Fatalf("calls %+v", list.Result)
	}
	c := list.Result[0]
	w.api("POST", "/v1/calls/"+c.ID+"/recording_start", map[string]any{}, &c)
	w.api("GET", "/v1/recordings/"+c.RecordingID, nil, nil)
	w.api("GET", "/v1/activeflows/"+c.ActiveflowID, nil, nil)
}

// TestRecordingLink downloads a recording by the url of its event and of its
// resource, without a key, and plays it by either.
func TestRecordingLink(t *testing.T) {
	w := newWorld(t, `
flows: [{id: voice, actions: [{type: record_voice, option: {duration: 300}}]}]
numbers: [{id: main, number: "+15550000000", call_flow_id: voice}]
`)
	caller := w.dial("+15550000000")
	receiveOr(t, "the call ends", caller.Done())
	var told, rec resource.Recording
	if err := json.Unmarshal(w.hook("recording_finished", ""), &told); err != nil {
		t.Fatal(err)
	}
	w.api("GET", "/v1/recordings/"+told.ID, nil, &rec)
	if ms := rec.Duration * 1000; ms < 100 || ms != math.Round(ms) {
		t.Errorf("duration %v s, want whole milliseconds", rec.Duration)
	}
	for _, url := range []string{told.URL, rec.URL} {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		file, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != 200 || int64(len(file)) != rec.Size || !strings.HasPrefix(string(file), "RIFF") {
			t.Errorf("%s: %d, %d bytes of %d, %v", url, res.StatusCode, len(file), rec.Size, err)
		}
		path, err := w.server.exchange.RecordingPath(t.Context(), rec.CustomerID, url)
		if err != nil || path != w.server.exchange.RecordingFile(&rec) {
			t.Errorf("%s is the file %q, %v", url, path, err)
		}
	}
}

func TestMetricsCountRequests(t *testing.T) {
	w := newWorld(t, "")
	_, metrics := w.request("GET", "/metrics", nil)
	if want := `offhook_http_requests_total{code="200",operation="updateOwnCustomer"} 1`; !strings.Contains(string(metrics), want) {
		t.Errorf("metrics without %s", want)
	}
}

func TestOwnedSource(t *testing.T) {
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: connect, option: {source: {type: tel, target: "+15559"}, destinations: [{type: tel, target: "+15551"}]}}]}]
numbers: [{id: main, number: "+15550000000", call_flow_id: desk}]
`, func(c *Config) { c.RequireOwnedSource = true })
	for _, source := range []string{`{"type": "tel", "target": "+15559"}`, `{"type": "sip", "target": "+15559"}`} {
		body := `{"source": ` + source + `, "destinations": [{"type": "tel", "target": "+15551"}]}`
		if status, answer := w.request("POST", "/v1/calls", body); status != 400 {
			t.Errorf("%s: %d %s", source, status, answer)
		}
	}
	caller := w.dial("+15550000000")
	receiveOr(t, "the call ends", caller.Done())
	w.hook("activeflow_ended", `"voipbin.connect.result":"failed"`)
}

func TestEndOfCallsIsToldBeforeTheServerStops(t *testing.T) {
	w := newWorld(t, `
flows: [{id: wait, actions: [{type: answer}, {type: sleep, option: {duration: 60000}}]}]
numbers: [{id: main, number: "+15550000000", call_flow_id: wait}]
`, func(c *Config) { c.ShutdownTimeout = time.Second })
	caller := w.dial("+15550000000")
	receiveOr(t, "answer", caller.UpSignal())
	if err := w.server.Stop(); err != nil {
		t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.ContainsFunc(w.hooks, func(h hook) bool { return h.Type == "call_hungup" }) {
		t.Errorf("the end was not told: %d webhooks", len(w.hooks))
	}
}

func TestOneCallTakesAnID(t *testing.T) {
	w := newWorld(t, "")
	const body = `{"id": "mine", "destinations": [{"type": "tel", "target": "+15551"}]}`
	got := make(chan int, 8)
	for range cap(got) {
		go func() {
			status, _ := w.request("POST", "/v1/calls", body)
			got <- status
		}()
	}
	answers := map[int]int{}
	for range cap(got) {
		answers[receiveOr(t, "an answer", got)]++
	}
	if answers[200] != 1 || answers[409] != cap(got)-1 {
		t.Errorf("%v", answers)
	}
}

func TestFlowsAfterCallsRunBeforeTheServerStops(t *testing.T) {
	stopping, told := make(chan struct{}), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		<-stopping
		time.Sleep(100 * time.Millisecond) // a receiver slower than the rest of the shutdown
		close(told)
	}))
	defer receiver.Close()
	w := newWorld(t, fmt.Sprintf(`
flows:
  - {id: after, actions: [{type: webhook_send, option: {uri: %q, sync: true}}]}
  - {id: wait, on_complete_flow_id: after, actions: [{type: answer}, {type: sleep, option: {duration: 60000}}]}
numbers: [{id: main, number: "+15550000000", call_flow_id: wait}]
`, receiver.URL), func(c *Config) { c.ShutdownTimeout = 30 * time.Second })
	caller := w.dial("+15550000000")
	receiveOr(t, "answer", caller.UpSignal())
	caller.Hangup()
	w.hook("call_hungup", "")
	close(stopping)
	if err := w.server.Stop(); err != nil {
		t.Error(err)
	}
	select {
	case <-told:
	default:
		t.Error("the flow after the call did not run to its end")
	}
}
