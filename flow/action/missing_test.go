package action_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"offhook/flow"
	"offhook/flow/action"
)

// TestMissingServices runs every verb on a call that can do nothing but be
// answered: each is told of, none ends the flow or panics.
func TestMissingServices(t *testing.T) {
	for _, verb := range action.Verbs.Rows() {
		switch verb.Name {
		case "hangup", "stop", "sleep", "goto", "branch":
			continue // they need no service
		}
		t.Run(verb.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPhone(t)
				option := verb.Example
				if option == "" {
					option = "{}"
				}
				run := p.start(withoutTargets(option, verb.Name), func(h *flow.Host, _ *flow.Options) {
					*h = flow.Host{Call: p, Journal: p}
				})
				run.Wait()
				if a := run.State(); a.EndReason != flow.EndFinished || a.ExecuteCount != 2 {
					t.Errorf("%s after %d: %s", a.EndReason, a.ExecuteCount, a.EndMessage)
				}
			})
		})
	}
}

// withoutTargets makes a flow of one example whose targets all are there.
func withoutTargets(option, verb string) string {
	var o map[string]any
	_ = json.Unmarshal([]byte(option), &o)
	for name := range o {
		if strings.HasSuffix(name, "target_id") {
			o[name] = "end"
		}
	}
	if verb == "amd" {
		o["machine_action"] = "end"
	}
	raw, _ := json.Marshal(o)
	return `[{"type":"` + verb + `","option":` + string(raw) + `},{"id":"end","type":"empty"}]`
}

// TestMissingEngines tells which setting is missing.
func TestMissingEngines(t *testing.T) {
	for verb, want := range map[string]string{
		`{"type":"transcribe_start"}`:                `transcribe_failed engine_not_configured speech.stt.engine`,
		`{"type":"transcribe_recording"}`:            `transcribe_failed engine_not_configured speech.stt.engine`,
		`{"type":"ai_talk","option":{"ai_id":"a"}}`:  `aicall_failed engine_not_configured llm.url`,
		`{"type":"ai_task","option":{"prompt":"p"}}`: `aicall_failed engine_not_configured llm.url`,
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPhone(t)
			run := p.start(`[`+verb+`,{"type":"beep"}]`, func(h *flow.Host, _ *flow.Options) { h.Transcribe, h.Assistant = nil, nil })
			run.Wait()
			trace := strings.Join(p.lines(), "\n")
			for _, part := range strings.Fields(want) {
				if !strings.Contains(trace, part) {
					t.Errorf("%s: no %s in\n%s", verb, part, trace)
				}
			}
			if !strings.Contains(trace, "play beep") {
				t.Errorf("%s: the flow did not go on", verb)
			}
		})
	}
}

// TestWithoutCall skips what needs a call and runs the rest.
func TestWithoutCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone(t)
		p.answers["http://x/done"] = "ok"
		run := p.start(`[{"type":"talk","option":{"text":"nobody hears"}},{"type":"webhook_send","option":{"uri":"http://x/done","data":"${activeflow.reference_type}"}},{"type":"hangup"},{"type":"beep"}]`,
			func(h *flow.Host, _ *flow.Options) { *h = flow.Host{Web: web{p}, Journal: p} })
		run.Wait()
		same(t, p.lines(), []string{"event activeflow_action_failed", "POST http://x/done application/json api"})
		if a := run.State(); a.EndReason != flow.EndStopped || a.ReferenceType != "api" {
			t.Errorf("%+v", a)
		}
	})
}

// TestWebhookOutlivesTheCall delivers what was sent right before the hang-up.
func TestWebhookOutlivesTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone(t)
		p.answers["http://x/bye"] = "ok"
		began := time.Now()
		run := p.start(`[{"type":"webhook_send","option":{"uri":"http://x/bye"}},{"type":"hangup"}]`)
		<-run.Done()
		if time.Since(began) != 0 {
			t.Error("the flow waited for the webhook")
		}
		run.Wait()
		if time.Since(began) != 100*time.Millisecond {
			t.Errorf("the webhook ended after %v", time.Since(began))
		}
	})
}

// TestWaitFlow loops a queue's wait flow until an agent answers, and lets it
// end the call.
func TestWaitFlow(t *testing.T) {
	for name, tt := range map[string]struct {
		wait string
		want []string
		end  string
	}{
		"loops": {
			`[{"type":"talk","option":{"text":"You are number ${queuecall.position} in the line, one moment please, somebody will come soon."}}]`,
			[]string{"answer", "queue q", `play "You are number  in the line, one moment please, somebody will come soon." en-US`, `play "You are number  in the line, one moment please, somebody will come soon." en-US`, `play "You are number  in the line, one moment please, somebody will come soon." en-US`, "play beep", "hangup normal"},
			flow.EndFinished,
		},
		"hangs up": {`[{"type":"hangup","option":{"reason":"busy"}}]`, []string{"answer", "queue q", "hangup busy"}, flow.EndHangup},
		"unknown":  {"", []string{"answer", "queue q", "event activeflow_action_failed", "play beep", "hangup normal"}, flow.EndFinished},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPhone(t)
				p.waitFlow, p.talkFor = "wait", time.Second
				if tt.wait != "" {
					p.flows["wait"] = actions(t, tt.wait)
				}
				run := p.start(`[{"type":"queue_join","option":{"queue_id":"q"}},{"type":"beep"}]`)
				run.Wait()
				same(t, p.lines(), tt.want)
				if a := run.State(); a.EndReason != tt.end {
					t.Errorf("ended %s", a.EndReason)
				}
			})
		})
	}
}

// TestRunsShareAProgram runs one program on many calls at once.
func TestRunsShareAProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := program(t, document(t, "ivr-queue"))
		var runs []*flow.Run
		for range 20 {
			p := newPhone(t)
			runs = append(runs, p.start(`[]`, func(_ *flow.Host, o *flow.Options) { o.Program = shared }))
		}
		for _, r := range runs {
			r.Wait()
			if n := r.State().ExecuteCount; n != 17 {
				t.Errorf("%d actions", n)
			}
		}
	})
}
