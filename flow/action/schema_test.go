package action_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"offhook/flow"
	"offhook/flow/action"
)

func schema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	resolved, err := action.Schema().Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

// TestSchemaAgrees holds schema and Parse to each other.
func TestSchemaAgrees(t *testing.T) {
	s := schema(t)
	for name, tt := range map[string]struct {
		action string
		sound  bool
	}{
		"plain":           {`{"type":"talk","option":{"text":"hi"}}`, true},
		"no option":       {`{"type":"answer"}`, true},
		"variable":        {`{"type":"sleep","option":{"duration":"${pause}"}}`, true},
		"alias":           {`{"type":"recording_start"}`, true},
		"nested actions":  {`{"type":"call","option":{"destinations":[{"type":"tel","target":"1"}],"actions":[{"type":"beep"}]}}`, true},
		"tools":           {`{"type":"ai_talk","option":{"ai_id":"a","tools":[{"name":"n","webhook_url":"https://x","parameters":{"type":"object"}}]}}`, true},
		"unknown verb":    {`{"type":"shout"}`, false},
		"unknown field":   {`{"type":"talk","option":{"text":"hi","speed":2}}`, false},
		"missing field":   {`{"type":"talk","option":{}}`, false},
		"missing option":  {`{"type":"talk"}`, false},
		"text for number": {`{"type":"sleep","option":{"duration":"long"}}`, false},
		"too small":       {`{"type":"sleep","option":{"duration":-1}}`, false},
		"not in enum":     {`{"type":"record_start","option":{"format":"ogg"}}`, false},
		"bad nested verb": {`{"type":"call","option":{"destinations":[{"type":"tel","target":"1"}],"actions":[{"type":"shout"}]}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			var value any
			if err := json.Unmarshal([]byte(tt.action), &value); err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(value); (err == nil) != tt.sound {
				t.Errorf("schema: %v, want sound=%v", err, tt.sound)
			}
			if _, err := flow.ParseJSON([]byte("["+tt.action+"]"), action.Verbs); (err == nil) != tt.sound {
				t.Errorf("Parse: %v, want sound=%v", err, tt.sound)
			}
		})
	}
}

// TestExamples holds the examples of the documentation to Parse and schema.
func TestExamples(t *testing.T) {
	s := schema(t)
	for _, verb := range action.Verbs.Rows() {
		if verb.Doc == "" {
			t.Errorf("%s has no documentation", verb.Name)
		}
		if verb.Example == "" {
			continue
		}
		text := `{"type":"` + verb.Name + `","option":` + verb.Example + `}`
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatalf("%s: %v", verb.Name, err)
		}
		if err := s.Validate(value); err != nil {
			t.Errorf("%s: %v", verb.Name, err)
		}
		_, err := flow.ParseJSON([]byte("["+text+"]"), action.Verbs)
		for _, f := range faults(err) {
			if f.Reason != flow.FaultUnknownTarget { // what is around it is not part of the example
				t.Errorf("%s: %v", verb.Name, f)
			}
		}
	}
}

// TestDocsAreFresh fails when docs/actions.md is not what the code says.
func TestDocsAreFresh(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "actions.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != action.Docs() {
		t.Error("docs/actions.md is stale: run go generate ./flow/action")
	}
}

// TestFieldsAreDocumented wants a sentence about every option.
func TestFieldsAreDocumented(t *testing.T) {
	for _, verb := range action.Verbs.Rows() {
		for _, f := range flow.Fields(action.OptionType(verb)) {
			if f.Tag.Get("doc") == "" {
				t.Errorf("%s.%s has no documentation", verb.Name, f.Name)
			}
		}
	}
}

// faults returns the faults that an error of Parse holds.
func faults(err error) []flow.Fault {
	if f, ok := err.(*flow.Faults); ok {
		return f.Faults
	}
	return nil
}
