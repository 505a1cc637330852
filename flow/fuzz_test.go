package flow_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"offhook/flow"
)

// FuzzParse holds Parse to its promises for any text: it returns either a sound
// program, which parses again as it shows itself, or faults with paths.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`[{"type":"say","option":{"text":"${a} {{b}}","long":"${c}"}}]`,
		`{"actions":[{"id":"a","type":"hop","next_id":"a","option":{"to":"a","times":1e2}}]}`,
		`[{"type":"include","option":{"actions":[{"type":"quit"}],"flow":null}}]`,
		`[{"type":"say","option":{"text":"a","text":"b"}},{"type":"fax"}]`,
		`[{"type":"set","option":{"name":"\u0000","value":"${"}}]`, `[`, `{}`, `null`, `[null]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := flow.ParseJSON(raw, verbs)
		if err != nil {
			var faults *flow.Faults
			if !errors.As(err, &faults) || len(faults.Faults) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			for _, one := range faults.Faults {
				if one.Reason == "" || one.Message == "" {
					t.Fatalf("a fault says nothing: %+v", one)
				}
			}
			return
		}
		if !json.Valid(raw) {
			t.Fatalf("not JSON, but sound: %q", raw)
		}
		again, err := flow.Parse(p.Actions(), verbs)
		if err != nil {
			t.Fatalf("sound the first time only: %v", err)
		}
		one, _ := json.Marshal(p.Actions())
		two, _ := json.Marshal(again.Actions())
		if !bytes.Equal(one, two) {
			t.Fatalf("%s\n%s", one, two)
		}
	})
}
