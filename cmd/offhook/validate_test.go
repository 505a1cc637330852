package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValidateFindsEveryFault(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		faults   []string // the beginning of each line, behind the file's name
	}{
		"sound":           {`{"name": "n", "actions": [{"type": "answer"}]}`, nil},
		"a bare list":     {`[{"type": "talk", "option": {"text": "a"}}]`, nil},
		"a call":          {`{"source": {}, "destinations": [], "early_execution": false, "actions": [{"type": "answer"}]}`, nil},
		"no JSON":         {`{"actions": [`, []string{"$: "}},
		"nothing to do":   {`{"name": "n"}`, []string{"actions: is required"}},
		"unknown fields":  {`{"nmae": "n", "action": [], "actions": [{"type": "answer"}]}`, []string{`action: unknown field`, `nmae: unknown field`}},
		"faults at once":  {`{"x": 1, "actions": [{"type": "tolk"}, {"type": "goto", "option": {"target_id": "z"}}]}`, []string{"x: ", "actions[0].type: ", "actions[1].option.loop_count: ", "actions[1].option.target_id: "}},
		"only for calls":  {`{"source": {}, "actions": [{"type": "answer"}]}`, []string{"source: unknown field"}},
		"not for a flow ": {`{"destinations": [], "name": "n", "actions": []}`, []string{"name: unknown field"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "flow.json")
			if err := os.WriteFile(path, []byte(c.document), 0o600); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err := validateCommand{Files: []string{path}}.Run(program{stdout: &out})
			if (err != nil) != (len(c.faults) > 0) {
				t.Errorf("error %v", err)
			}
			want := c.faults
			if want == nil {
				want = []string{"ok"}
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != len(want) {
				t.Fatalf("%q, want %q", lines, want)
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, path+": "+want[i]) {
					t.Errorf("line %q, want %q", line, want[i])
				}
			}
		})
	}
}
