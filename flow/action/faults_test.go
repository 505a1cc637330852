package action_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"offhook/flow"
	"offhook/flow/action"
)

// TestFaults shows what the verbs' own rules refuse.
func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		action string
		want   []string // path and reason of each fault
	}{
		"goto without a count":    {`{"id":"a","type":"goto","option":{"target_id":"a"}}`, []string{"actions[0].option.loop_count MISSING_FIELD"}},
		"goto for ever":           {`{"id":"a","type":"goto","option":{"target_id":"a","loop_count":-1}}`, nil},
		"goto below":              {`{"id":"a","type":"goto","option":{"target_id":"a","loop_count":-2}}`, []string{"actions[0].option.loop_count INVALID_VALUE"}},
		"branch to nowhere":       {`{"type":"branch","option":{"target_ids":{"1":"x"},"default_target_id":"y"}}`, []string{"actions[0].option.target_ids.1 UNKNOWN_TARGET", "actions[0].option.default_target_id UNKNOWN_TARGET"}},
		"amd to nowhere":          {`{"type":"amd","option":{"machine_action":"vm","human_action":"continue"}}`, []string{"actions[0].option.machine_action UNKNOWN_TARGET"}},
		"amd says two things":     {`{"type":"amd","option":{"machine_action":"continue","machine_handle":"hangup"}}`, []string{"actions[0].option.machine_handle INVALID_VALUE"}},
		"amd jumps later":         {`{"id":"a","type":"amd","option":{"async":true,"machine_action":"a"}}`, []string{"actions[0].option.machine_action INVALID_VALUE"}},
		"connect nobody":          {`{"type":"connect","option":{"destinations":[]}}`, []string{"actions[0].option.destinations MISSING_FIELD"}},
		"connect half an address": {`{"type":"connect","option":{"destinations":[{"target":"1"},{"type":"tel"},{"type":"fax","target":"1"}]}}`, []string{"actions[0].option.destinations[2].type INVALID_VALUE"}},
		"addresses without parts": {`{"type":"connect","option":{"destinations":[{"target":"1"},{"type":"tel"}]}}`, []string{"actions[0].option.destinations[0].type MISSING_FIELD", "actions[0].option.destinations[1].target MISSING_FIELD"}},
		"an address to come":      {`{"type":"connect","option":{"destinations":[{"type":"${type}","target":"${number}"}]}}`, nil},
		"one key for both":        {`{"type":"connect","option":{"destinations":[{"type":"tel","target":"1"}],"whisper":{"accept_key":"2"}}}`, []string{"actions[0].option.whisper.reject_key INVALID_VALUE"}},
		"digits that are none":    {`{"type":"digits_send","option":{"digits":"12x"}}`, []string{"actions[0].option.digits INVALID_VALUE"}},
		"waits for ever":          {`{"type":"digits_receive","option":{"duration":0}}`, []string{"actions[0].option.duration INVALID_VALUE"}},
		"no such zone":            {`{"type":"condition_datetime","option":{"timezone":"Mars/Base"}}`, []string{"actions[0].option.timezone INVALID_VALUE"}},
		"no such weekday":         {`{"type":"condition_datetime","option":{"weekdays":[1,7]}}`, []string{"actions[0].option.weekdays[1] INVALID_VALUE"}},
		"no URL":                  {`{"type":"fetch","option":{"event_url":"file:///etc/passwd"}}`, []string{"actions[0].option.event_url INVALID_VALUE"}},
		"a URL to come":           {`{"type":"webhook_send","option":{"uri":"${hook}"}}`, nil},
		"a call to do nothing":    {`{"type":"call","option":{"destinations":[{"type":"tel","target":"1"}]}}`, []string{"actions[0].option.flow_id MISSING_FIELD"}},
		"a name with braces":      {`{"type":"variable_set","option":{"key":"${x}y","value":"1"}}`, nil},
		"nobody to talk to":       {`{"type":"ai_talk","option":{}}`, []string{"actions[0].option.ai_id MISSING_FIELD"}},
		"a tool for nothing":      {`{"type":"ai_talk","option":{"ai_id":"a","tools":[{"name":"n"},{"webhook_url":"http://x"}]}}`, []string{"actions[0].option.tools[0].webhook_url MISSING_FIELD", "actions[0].option.tools[1].name MISSING_FIELD"}},
		"a summary of what":       {`{"type":"ai_summary","option":{"reference_type":"recording"}}`, []string{"actions[0].option.reference_id MISSING_FIELD"}},
		"of another system":       {`{"type":"confbridge_join","option":{"confbridge_id":"x"}}`, []string{"actions[0].type INVALID_ACTION_TYPE"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flow.ParseJSON([]byte("["+tt.action+"]"), action.Verbs)
			var got []string
			for _, f := range faults(err) {
				got = append(got, f.Path+" "+f.Reason)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// FuzzParse holds the verbs' own rules to any document: they may refuse it, and
// never panic.
func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob(filepath.Join("..", "..", "testdata", "flows", "*.json"))
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, verb := range action.Verbs.Rows() {
		f.Add([]byte(`[{"type":"` + verb.Name + `","option":` + max(verb.Example, "{}") + `}]`))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := flow.ParseJSON(raw, action.Verbs)
		if (err == nil) == (p == nil) || (err != nil && len(faults(err)) == 0) {
			t.Fatalf("%v, %v", p, err)
		}
	})
}
