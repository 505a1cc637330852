package flow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"offhook/flow"
	"offhook/resource"
)

// lines returns the faults of an error, one a line: path, reason, message.
func lines(err error) []string {
	var f *flow.Faults
	if !errors.As(err, &f) {
		return nil
	}
	var list []string
	for _, one := range f.Faults {
		list = append(list, fmt.Sprintf("%s %s: %s", one.Path, one.Reason, one.Message))
	}
	return list
}

func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"not JSON":   {`[{"type":"say",}]`, words(` INVALID_JSON: line 1, column 15: invalid character '}'`)},
		"cut off":    {"[\n{\"type\":", words(` INVALID_JSON: line 2, column 8: the JSON ends too early`)},
		"and more":   {`[] []`, words(` INVALID_JSON: text after the JSON value at byte 4`)},
		"no list":    {`{"name":"x"}`, words(`actions MISSING_FIELD: is required: a list of actions`)},
		"not a list": {`"x"`, words(`actions WRONG_TYPE: must be an array of actions, not a string`)},
		"not an action": {`[7]`, words(
			`actions[0] WRONG_TYPE: must be an object, not a number`)},
		"no verb":  {`[{"id":"a"}]`, words(`actions[0].type MISSING_FIELD: is required: the name of the verb`)},
		"misspelt": {`[{"type":"sya"}]`, words(`actions[0].type INVALID_ACTION_TYPE: unknown action "sya"; did you mean "say"?`)},
		"nonsense": {`[{"type":"xylophone"}]`, words(`actions[0].type INVALID_ACTION_TYPE: unknown action "xylophone"`)},
		"refused":  {`[{"type":"fax"}]`, words(`actions[0].type INVALID_ACTION_TYPE: action "fax" is not supported: paper is not carried`)},
		"all at once": {
			`[{"id":"a","typ":"say","type":"say","option":{"txt":"x","long":"5","loud":1,"long":2}},{"id":"a","type":"hop","next_id":"b","option":{"to":"aa","times":1.5}}]`,
			words(
				`actions[0].typ UNKNOWN_FIELD: unknown field "typ"; did you mean "type"?`,
				`actions[1].id DUPLICATE_ID: "a" is also the id of actions[0]; ids are unique in a flow`,
				`actions[0].option.txt UNKNOWN_FIELD: unknown field "txt"; did you mean "text"?`,
				`actions[0].option.long DUPLICATE_FIELD: the field is there twice`,
				`actions[0].option.text MISSING_FIELD: is required: What`,
				`actions[0].option.long WRONG_TYPE: must be an integer, not a string; without quotes, or a variable such as "${name}"`,
				`actions[0].option.loud WRONG_TYPE: must be a boolean, not a number`,
				`actions[1].option.times WRONG_TYPE: must be an integer, not "1.5"`,
				`actions[1].next_id UNKNOWN_TARGET: no action has the id "b"; did you mean "a"?`,
				`actions[1].option.to UNKNOWN_TARGET: no action has the id "aa"; did you mean "a"?`,
			),
		},
		"bounds":       {`[{"type":"say","option":{"text":"","long":100001}}]`, words(`actions[0].option.text MISSING_FIELD: must not be empty`, `actions[0].option.long INVALID_VALUE: must be at most 100000`)},
		"whole number": {`[{"type":"say","option":{"text":"a","long":1e3}}]`, nil},
		"keyword":      {`[{"type":"hop","option":{"to":"nowhere"}}]`, nil},
		"nested": {
			`[{"type":"include","option":{"actions":[{"type":"say","option":{"text":7}},{"type":"hop","option":{"to":"x"}}]}}]`,
			words(
				`actions[0].option.actions[0].option.text WRONG_TYPE: must be a string, not a number`,
				`actions[0].option.actions[1].option.to UNKNOWN_TARGET: no action has the id "x"`,
			),
		},
		"variables wait": {`[{"type":"say","option":{"text":"${a}","long":"{{ms}}","loud":"${b}"}},{"type":"hop","option":{"to":"${c}"}}]`, nil},
		"half a variable is no number": {`[{"type":"say","option":{"text":"a","long":"5${a}"}}]`, words(
			`actions[0].option.long WRONG_TYPE: must be an integer, not a string; without quotes, or a variable such as "${name}"`)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flow.ParseJSON([]byte(tt.text), verbs)
			got := lines(err)
			if len(got) > 0 && strings.HasPrefix(got[0], " INVALID_JSON") && len(tt.want) == 1 && strings.HasPrefix(got[0], tt.want[0]) {
				return // how the decoder goes on is its own
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestParseKeepsIDs gives ids to actions without one and keeps the others.
func TestParseKeepsIDs(t *testing.T) {
	p, err := flow.Parse([]resource.Action{
		{ID: "a", Type: "quit"}, {Type: "quit"}, {ID: "00000000-0000-0000-0000-000000000000", Type: "quit"},
	}, verbs)
	if err != nil {
		t.Fatal(err)
	}
	list := p.Actions()
	if p.Len() != 3 || list[0].ID != "a" || list[1].ID == "" || list[1].ID == list[2].ID || strings.HasPrefix(list[2].ID, "00000000-0000-0000") {
		t.Errorf("%+v", list)
	}
}

func TestTooManyActions(t *testing.T) {
	_, err := flow.Parse(make([]resource.Action, flow.MaxActions+1), verbs)
	if got := lines(err); len(got) != 1 || !strings.Contains(got[0], "at most 10000 actions") {
		t.Errorf("%v", got)
	}
}

// TestHostileDocuments are refused in bounded time and space.
func TestHostileDocuments(t *testing.T) {
	for name, text := range map[string]string{
		"deep":            strings.Repeat("[", 100000),
		"deep option":     `[{"type":"say","option":` + strings.Repeat(`{"a":`, 10000) + `1` + strings.Repeat(`}`, 10000) + `}]`,
		"all wrong":       `[` + strings.Repeat(`{"type":"x"},`, 9000) + `{"type":"x"}]`,
		"many fields":     `[{"type":"say","option":{` + strings.Repeat(`"b":1,`, 50000) + `"a":1}}]`,
		"half variables":  `[{"type":"say","option":{"text":` + quoted(strings.Repeat("${{{", 100000)) + `,"no":1}}]`,
		"huge exponent":   `[{"type":"say","option":{"text":"a","long":1e999999999}}]`,
		"huge precision":  `[{"type":"say","option":{"text":"a","long":` + strings.Repeat("9", 1000) + `}}]`,
		"not even UTF-8":  "[{\"type\":\"\xff\xfe\"}]",
		"numbers as text": `[{"type":"hop","option":{"to":1}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flow.ParseJSON([]byte(text), verbs)
			if n := len(lines(err)); n == 0 || n > 1000 {
				t.Errorf("%d faults", n)
			}
		})
	}
}

func quoted(s string) string {
	raw, _ := json.Marshal(s)
	return string(raw)
}
