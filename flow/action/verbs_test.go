package action_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"offhook/flow"
	"offhook/flow/action"
	"offhook/resource"
)

// actions reads a flow that a test writes as text.
func actions(t *testing.T, text string) []resource.Action {
	t.Helper()
	var list []resource.Action
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return list
}

// program parses a flow that has to be sound.
func program(t *testing.T, text string) *flow.Program {
	t.Helper()
	p, err := flow.Parse(actions(t, text), action.Verbs)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start runs a flow on a phone, inside of a synctest bubble.
func (p *phone) start(text string, change ...func(*flow.Host, *flow.Options)) *flow.Run {
	host := p.host()
	o := flow.Options{ID: "run-1", CustomerID: "acme", Program: program(p.t, text), Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&host, &o)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	p.hangup = cancel
	p.began = time.Now()
	return flow.Start(ctx, host, o)
}

// each verb on its own: what it does to the call, and what it sets.
var verbTests = []struct {
	name  string
	flow  string
	setup func(*phone)
	want  []string          // the trace before the hang-up that ends it
	vars  map[string]string // what is set then
}{
	{name: "answer", flow: `[{"type":"answer"},{"type":"answer"}]`, want: []string{"answer"}},
	{
		name: "talk", flow: `[{"type":"talk","option":{"text":"Hello ${source.name}","language":"de-DE"}}]`,
		want: []string{"answer", `play "Hello " de-DE`},
	},
	{
		name: "talk names the caller", flow: `[{"type":"talk","option":{"text":"Hello {{call.source.name}}"}}]`,
		want: []string{"answer", `play "Hello Ann" en-US`},
	},
	{
		name: "talk early", flow: `[{"type":"talk","option":{"text":"Closed","early_media":true}}]`,
		want: []string{`play "Closed" en-US`},
	},
	{
		name: "talk async", flow: `[{"type":"talk","option":{"text":"Music soon","async":true}}]`,
		want: []string{"answer", `play in background "Music soon"`},
	},
	{
		name: "play goes on after a file that is missing",
		flow: `[{"type":"play","option":{"stream_urls":["http://x/missing.wav","http://x/b.wav"]}}]`,
		want: []string{"answer", "play http://x/missing.wav: missing", "play http://x/b.wav", "event activeflow_action_failed"},
	},
	{name: "beep", flow: `[{"type":"beep"}]`, want: []string{"answer", "play beep"}},
	{name: "sleep does not answer", flow: `[{"type":"sleep","option":{"duration":1500}}]`, want: nil},
	{name: "echo", flow: `[{"type":"echo","option":{"duration":1000}}]`, want: []string{"answer", "echo 1s"}},
	{name: "stream_echo", flow: `[{"type":"stream_echo"}]`, want: []string{"answer", "echo 3m0s"}},
	{
		name: "digits_receive", flow: `[{"type":"digits_receive","option":{"length":4,"key":"#"}}]`,
		setup: func(p *phone) { p.typed = "12#34" },
		want:  []string{"answer", `collect length=4 keys="#" for 10s`},
		vars:  map[string]string{"voipbin.call.digits": "12"},
	},
	{
		name: "digits_send", flow: `[{"type":"digits_send","option":{"digits":"1a#"}}]`,
		want: []string{"answer", "send 1A# on=100ms gap=100ms"},
	},
	{
		name: "variable_set", flow: `[{"type":"variable_set","option":{"key":"who","value":"<${call.source.name}>"}}]`,
		vars: map[string]string{"who": "<Ann>"},
	},
	{
		name:  "branch jumps and clears",
		flow:  `[{"type":"digits_receive","option":{"length":1}},{"type":"branch","option":{"target_ids":{"2":"two"}}},{"type":"talk","option":{"text":"one"}},{"id":"two","type":"talk","option":{"text":"two"}}]`,
		setup: func(p *phone) { p.typed = "2" },
		want:  []string{"answer", `collect length=1 keys="" for 10s`, `play "two" en-US`},
		vars:  map[string]string{"voipbin.call.digits": ""},
	},
	{
		name: "branch on a variable without a match goes on",
		flow: `[{"type":"variable_set","option":{"key":"lang","value":"fr"}},{"type":"branch","option":{"variable":"${lang}","target_ids":{"de":"german"}}},{"type":"talk","option":{"text":"next"}},{"type":"stop"},{"id":"german","type":"talk","option":{"text":"hallo"}}]`,
		want: []string{"answer", `play "next" en-US`},
		vars: map[string]string{"lang": ""},
	},
	{
		name: "goto jumps so often and falls through",
		flow: `[{"id":"a","type":"talk","option":{"text":"again"}},{"type":"goto","option":{"target_id":"a","loop_count":2}},{"type":"talk","option":{"text":"end"}}]`,
		want: []string{"answer", `play "again" en-US`, `play "again" en-US`, `play "again" en-US`, `play "end" en-US`},
	},
	{
		name: "condition_variable",
		flow: `[{"type":"variable_set","option":{"key":"n","value":"12"}},
			{"type":"condition_variable","option":{"variable":"n","condition":"greater","value_type":"number","value_number":9,"false_target_id":"no"}},
			{"type":"condition_variable","option":{"variable":"${n}","condition":"==","value_string":"12","false_target_id":"no"}},
			{"type":"condition_variable","option":{"variable":"n","condition":"<","value_type":"length","value_length":2,"false_target_id":"yes"}},
			{"id":"no","type":"talk","option":{"text":"wrong"}},{"type":"stop"},{"id":"yes","type":"talk","option":{"text":"right"}}]`,
		want: []string{"answer", `play "right" en-US`},
	},
	{
		name: "condition_datetime", // the bubble begins on Saturday, 2000-01-01 00:00 UTC
		flow: `[{"type":"condition_datetime","option":{"condition":">=","hour":9,"timezone":"Asia/Tokyo","false_target_id":"no"}},
			{"type":"condition_datetime","option":{"weekdays":[6],"false_target_id":"no"}},
			{"type":"condition_datetime","option":{"condition":"==","month":1,"day":1,"hour":-1,"false_target_id":"no"}},
			{"type":"condition_datetime","option":{"condition":">=","hour":9,"false_target_id":"yes"}},
			{"id":"no","type":"talk","option":{"text":"wrong"}},{"type":"stop"},{"id":"yes","type":"talk","option":{"text":"right"}}]`,
		want: []string{"answer", `play "right" en-US`},
	},
	{
		name:  "condition_call_digits",
		flow:  `[{"type":"digits_receive","option":{"length":3}},{"type":"condition_call_digits","option":{"length":3,"false_target_id":"no"}},{"type":"condition_call_digits","option":{"key":"9","false_target_id":"yes"}},{"id":"no","type":"stop"},{"id":"yes","type":"beep"}]`,
		setup: func(p *phone) { p.typed = "123" },
		want:  []string{"answer", `collect length=3 keys="" for 10s`, "play beep"},
	},
	{
		name: "condition_call_status",
		flow: `[{"type":"condition_call_status","option":{"status":"progressing","false_target_id":"ring"}},{"type":"stop"},{"id":"ring","type":"answer"},{"type":"condition_call_status","option":{"status":"progressing"}},{"type":"beep"}]`,
		want: []string{"answer", "play beep"},
	},
	{
		name: "connect", flow: `[{"type":"connect","option":{"destinations":[{"type":"tel","target":"+1555"},{"type":"extension","target":"1002"}]}}]`,
		want: []string{"connect tel:+1555,extension:1002 ring=1m0s"},
		vars: map[string]string{"voipbin.connect.result": "answered", "voipbin.connect.call_id": "callee-1"},
	},
	{
		name:  "connect that nobody answers goes on",
		flow:  `[{"type":"connect","option":{"destinations":[{"type":"tel","target":"+1555"}],"ring_timeout":5000}},{"type":"talk","option":{"text":"${connect.result}"}}]`,
		setup: func(p *phone) { p.connects = []flow.ConnectResult{{Result: "busy"}} },
		want:  []string{"connect tel:+1555 ring=5s", "answer", `play "busy" en-US`},
		vars:  map[string]string{"voipbin.connect.result": "busy"},
	},
	{
		name: "agent_call", flow: `[{"type":"agent_call","option":{"agent_id":"alice"}}]`,
		want: []string{"connect agent:alice ring=1m0s"},
	},
	{
		name: "call",
		flow: `[{"type":"variable_set","option":{"key":"name","value":"Bo"}},{"type":"call","option":{"chained":true,"destinations":[{"type":"tel","target":"+1999"}],"actions":[{"type":"talk","option":{"text":"${name} ${call.digits} ${voipbin.amd.result}"}}]}}]`,
		want: []string{`dial +1999 from=+15550000000 flow= early=false master=call-1 vars=map[name:Bo] talk{"text":"Bo ${call.digits} ${voipbin.amd.result}"}`},
	},
	{
		name: "fetch",
		flow: `[{"type":"fetch","option":{"event_url":"http://x/next"}},{"id":"end","type":"talk","option":{"text":"end"}}]`,
		setup: func(p *phone) {
			p.answers["http://x/next"] = `[{"type":"goto","option":{"target_id":"end","loop_count":1}},{"type":"stop"}]`
		},
		want: []string{`POST http://x/next application/json {"activeflow_id":"run-1","reference_id":"call-1"}`, "answer", `play "end" en-US`},
	},
	{
		name: "fetch by GET that finds nothing goes on", flow: `[{"type":"fetch","option":{"event_url":"http://x/none?a=1","event_method":"GET"}},{"type":"beep"}]`,
		want: []string{"GET http://x/none?a=1&activeflow_id=run-1&reference_id=call-1 application/json ", "event activeflow_action_failed", "answer", "play beep"},
	},
	{
		name:  "fetch of something else goes on",
		flow:  `[{"type":"fetch","option":{"event_url":"http://x/bad"}},{"type":"beep"}]`,
		setup: func(p *phone) { p.answers["http://x/bad"] = `[{"type":"shout"}]` },
		want:  []string{`POST http://x/bad application/json {"activeflow_id":"run-1","reference_id":"call-1"}`, "event activeflow_action_failed", "answer", "play beep"},
	},
	{
		name:  "fetch_flow",
		flow:  `[{"type":"fetch_flow","option":{"flow_id":"hello"}},{"type":"fetch_flow","option":{"flow_id":"none"}},{"type":"beep"}]`,
		setup: func(p *phone) { p.flows["hello"] = actions(p.t, `[{"type":"talk","option":{"text":"hello"}}]`) },
		want:  []string{"answer", `play "hello" en-US`, "event activeflow_action_failed", "play beep"},
	},
	{
		name:  "webhook_send sync",
		flow:  `[{"type":"webhook_send","option":{"sync":true,"uri":"http://x/hook","method":"PUT","data_type":"text/plain","data":"from ${call.source.target}"}}]`,
		setup: func(p *phone) { p.answers["http://x/hook"] = "thanks" },
		want:  []string{"PUT http://x/hook text/plain from +15551110000"},
		vars:  map[string]string{"voipbin.webhook.status": "200", "voipbin.webhook.body": "thanks"},
	},
	{
		name: "webhook_send sync that fails", flow: `[{"type":"webhook_send","option":{"sync":true,"uri":"http://unreachable/"}}]`,
		want: []string{"POST http://unreachable/ application/json ", "event activeflow_action_failed"},
		vars: map[string]string{"voipbin.webhook.status": "0", "voipbin.webhook.body": ""},
	},
	{name: "mute", flow: `[{"type":"mute"},{"type":"mute","option":{"direction":"none"}}]`, want: []string{`mute "both"`, `mute ""`}},
	{name: "hangup", flow: `[{"type":"hangup","option":{"reason":"busy"}},{"type":"beep"}]`, want: []string{"hangup busy"}},
	{name: "hangup like another call", flow: `[{"type":"hangup_relay","option":{"reference_id":"c2"}}]`, want: []string{"hangup like c2"}},
	{name: "stop", flow: `[{"type":"stop"},{"type":"beep"}]`},
	{name: "empty", flow: `[{"type":"empty"},{"type":"beep"}]`, want: []string{"answer", "play beep"}},
	{
		name: "record_start and stop",
		flow: `[{"type":"record_start","option":{"direction":"both","format":"mp3"}},{"type":"recording_start","option":{"duration":60,"end_of_silence":5,"end_of_key":"any","beep_start":true,"on_end_flow_id":"f"}},{"type":"record_stop"}]`,
		want: []string{
			"answer", `record both mp3 mix=false duration=0s silence=0s keys="" beep=false then=""`,
			`record both wav mix=false duration=1m0s silence=5s keys="0123456789*#ABCD" beep=true then="f"`, "record stops",
		},
		vars: map[string]string{
			"voipbin.recording.id": "rec-1", "voipbin.recording.format": "wav",
			"voipbin.recording.recording_name": "rec-1", "voipbin.recording.filenames": "rec-1.wav",
		},
	},
	{
		name: "record_voice", flow: `[{"type":"record_voice","option":{"duration":5000,"silence_timeout":2000,"variable_name":"name"}}]`,
		want: []string{"answer", `record voice duration=5s silence=2s keys="0123456789*#ABCD" beep=true`},
		vars: map[string]string{"name": "voice-1"},
	},
	{name: "moh", flow: `[{"type":"moh_start"},{"type":"moh_stop"}]`, want: []string{"answer", "music default", "music stops"}},
	{
		name: "queue_join", flow: `[{"type":"queue_join","option":{"queue_id":"sales"}}]`,
		want: []string{"answer", "queue sales"},
		vars: map[string]string{"voipbin.queue.result": "answered", "voipbin.queue.id": "sales", "voipbin.queue.agent_id": "alice", "voipbin.queuecall.id": "qc-1"},
	},
	{
		name: "conference_join", flow: `[{"type":"conference_join","option":{"conference_id":"weekly","role":"moderator","mute_on_join":true}},{"type":"conference","option":{"conference_id":"unknown"}}]`,
		want: []string{"answer", "conference weekly role=moderator mute=true create=false", "conference unknown role=participant mute=false create=false"},
		vars: map[string]string{"voipbin.conference.result": "not_found"},
	},
	{
		name: "transcribe", flow: `[{"type":"transcribe_start","option":{"direction":"in"}},{"type":"transcribe_stop"},{"type":"transcribe_recording","option":{"language":"de-DE"}}]`,
		want: []string{"transcribe in en-US", "transcribe stops", "transcribe recordings de-DE"},
		vars: map[string]string{"voipbin.transcribe.id": "tr-1", "voipbin.transcribe.direction": "in"},
	},
	{
		name:  "ai_talk does what the assistant asks for",
		flow:  `[{"type":"ai_talk","option":{"assistance_type":"ai","assistance_id":"bot","duration":60,"prompt":"Be kind to ${call.source.name}"}},{"id":"end","type":"beep"}]`,
		setup: func(p *phone) { p.assistNext = actions(p.t, `[{"type":"queue_join","option":{"queue_id":"sales"}}]`) },
		want: []string{
			"answer", `ai_talk bot for 1m0s {"assistance_type":"ai","assistance_id":"bot","prompt":"Be kind to Ann","duration":60}`,
			"queue sales", "play beep",
		},
		vars: map[string]string{"voipbin.ai.result": "done"},
	},
	{
		name: "ai_task and ai_summary", flow: `[{"type":"ai_task","option":{"ai_id":"clerk"}},{"type":"ai_summary"}]`,
		want: []string{`ai_task clerk for 0s {"ai_id":"clerk"}`, `ai_summary  for 0s {"reference_type":"call","language":"en-US"}`},
	},
}

func TestVerbs(t *testing.T) {
	for _, tt := range verbTests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPhone(t)
				if tt.setup != nil {
					tt.setup(p)
				}
				run := p.start(tt.flow)
				run.Wait()
				want := tt.want
				if n := len(want); n == 0 || len(want[n-1]) < 6 || want[n-1][:6] != "hangup" {
					want = append(want[:n:n], "hangup normal")
				}
				same(t, p.lines(), want)
				vars := run.Variables()
				for name, value := range tt.vars {
					if vars[name] != value {
						t.Errorf("%s is %q, want %q", name, vars[name], value)
					}
				}
			})
		})
	}
}

// TestEveryVerbIsTested holds the tests above to the table.
func TestEveryVerbIsTested(t *testing.T) {
	tested := map[string]bool{"amd": true, "dnc_add": true} // in TestAMD and TestDNCAdd
	for _, tt := range verbTests {
		for _, a := range actions(t, tt.flow) {
			if row := action.Verbs.Lookup(a.Type); row != nil {
				tested[row.Name] = true
			}
		}
	}
	for _, row := range action.Verbs.Rows() {
		if !tested[row.Name] {
			t.Errorf("%s has no test", row.Name)
		}
	}
}
