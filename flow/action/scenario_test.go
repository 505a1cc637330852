package action_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"offhook/flow"
	"offhook/flow/action"
	"offhook/resource"
)

var update = flag.Bool("update", false, "write the golden traces anew")

// document reads one of testdata/flows.
func document(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "testdata", "flows", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Actions json.RawMessage `json:"actions"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	return string(body.Actions)
}

// TestDocumentsAreSound validates every flow of testdata/flows as it is printed,
// by Parse and by the schema.
func TestDocumentsAreSound(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", "flows", "*.json"))
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d documents, %v", len(paths), err)
	}
	s := schema(t)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := flow.ParseJSON(raw, action.Verbs); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		var body struct{ Actions []any }
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Fatal(err)
		}
		for i, a := range body.Actions {
			if err := s.Validate(a); err != nil {
				t.Errorf("%s: actions[%d]: %v", path, i, err)
			}
		}
	}
}

// keys are digits that a caller presses, each at a time since the start.
type keys map[time.Duration]string

// scenarios are whole calls through documents; their traces are golden.
var scenarios = []struct {
	name   string
	flow   string
	keys   keys
	setup  func(*phone)
	hangup time.Duration // the caller hangs up; 0: not
}{
	{name: "ivr-support", flow: "ivr-queue", keys: keys{8 * time.Second: "2"}},
	{name: "ivr-types-ahead", flow: "ivr-queue", keys: keys{time.Second: "3"}},
	{name: "ivr-nothing-pressed", flow: "ivr-queue"},
	{name: "ivr-wrong-then-right", flow: "ivr-queue", keys: keys{5 * time.Second: "9", 12 * time.Second: "1"}},
	{name: "ivr-caller-gives-up", flow: "ivr-queue", keys: keys{5 * time.Second: "1"}, hangup: 12 * time.Second},
	{
		name: "assistant-hands-over", flow: "ai-assistant",
		setup: func(p *phone) {
			p.assistNext = []resource.Action{{Type: "queue_join", Option: json.RawMessage(`{"queue_id":"support-queue-uuid"}`)}}
		},
	},
	{
		name: "campaign-human-confirms", flow: "campaign-amd", keys: keys{9 * time.Second: "1"},
		setup: func(p *phone) {
			p.detection = flow.Detection{Result: "human", Cause: "short_greeting", DecidedMS: 1400, BeepAt: -1}
		},
	},
	{
		name: "campaign-human-reschedules", flow: "campaign-amd", keys: keys{9 * time.Second: "2"},
		setup: func(p *phone) { p.detection = flow.Detection{Result: "human", DecidedMS: 1400, BeepAt: -1} },
	},
	{
		name: "campaign-machine", flow: "campaign-amd",
		setup: func(p *phone) {
			p.detection = flow.Detection{Result: "machine", Cause: "long_greeting", DecidedMS: 2800, GreetEnd: 6000, BeepAt: 6500}
		},
	},
	{name: "click-to-call", flow: "click-to-call"},
	{name: "conference", flow: "conference-participant"},
	{name: "screening-accepted", flow: "call-screening"},
	{
		name: "screening-rejected", flow: "call-screening",
		setup: func(p *phone) { p.connects = []flow.ConnectResult{{Result: "whisper_rejected"}} },
	},
	{name: "transcription", flow: "transcription"},
}

func TestScenarios(t *testing.T) {
	for _, tt := range scenarios {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPhone(t)
				if tt.setup != nil {
					tt.setup(p)
				}
				run := p.start(document(t, tt.flow))
				for at, digits := range tt.keys {
					time.AfterFunc(at, func() { p.press(digits) })
				}
				if tt.hangup > 0 {
					time.AfterFunc(tt.hangup, func() { p.end("by the caller") })
				}
				run.Wait()
				a := run.State()
				p.note("ended %s after %d actions", a.EndReason, a.ExecuteCount)
				golden(t, tt.name, strings.Join(p.trace, "\n")+"\n")
			})
		})
	}
}

// golden compares with testdata/NAME.trace.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".trace")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same(t, strings.Split(got, "\n"), strings.Split(string(want), "\n"))
}

// TestAMD holds what follows a verdict to the option.
func TestAMD(t *testing.T) {
	const tail = `,{"type":"talk","option":{"text":"next"}},{"type":"stop"},{"id":"vm","type":"talk","option":{"text":"voicemail"}}]`
	for name, tt := range map[string]struct {
		option, verdict string
		want            string // the last line before the hang-up
		beep            string // what the detector was asked
	}{
		"machine jumps":       {`{"machine_action":"vm"}`, "machine", `play "voicemail" en-US`, "beep=true/20s"},
		"fax is no person":    {`{"machine_action":"vm","wait_beep":false}`, "fax", `play "voicemail" en-US`, "beep=false/20s"},
		"human goes on":       {`{"machine_action":"vm"}`, "human", `play "next" en-US`, "beep=true/20s"},
		"unsure is a person":  {`{"machine_action":"hangup"}`, "notsure", `play "next" en-US`, "beep=false/20s"},
		"silence is a person": {`{"machine_action":"hangup","human_action":"vm"}`, "silence", `play "voicemail" en-US`, "beep=false/20s"},
		"machine is hung up":  {`{"machine_handle":"hangup"}`, "machine", "hangup amd", "beep=false/20s"},
		"machine goes on":     {`{"machine_handle":"continue","wait_beep":true,"beep_timeout":3000}`, "machine", `play "next" en-US`, "beep=true/3s"},
		"async hangs up late": {`{"machine_action":"hangup","async":true}`, "machine", "hangup amd", "beep=false/20s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPhone(t)
				p.detection = flow.Detection{Result: tt.verdict, DecidedMS: 100, GreetEnd: 90, BeepAt: -1}
				run := p.start(`[{"type":"amd","option":` + tt.option + `}` + tail)
				run.Wait()
				lines := p.lines()
				last := lines[len(lines)-1]
				if last == "hangup normal" {
					last = lines[len(lines)-2]
				}
				if last != tt.want || !strings.Contains(strings.Join(lines, "\n"), tt.beep) {
					t.Errorf("want %s and %s in\n%s", tt.want, tt.beep, strings.Join(lines, "\n"))
				}
				if got := run.Variable("amd.result"); got != tt.verdict {
					t.Errorf("voipbin.amd.result is %q", got)
				}
			})
		})
	}
}
