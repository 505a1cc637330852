package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"offhook/flow"
)

// Field names are as documented, nothing else; encoding/json would take NAME
// for name, and a client would learn it from nobody.
func init() { huma.ValidateStrictCasing = true }

// fields is a body as it was sent: which fields were given, and what they are.
type fields map[string]json.RawMessage

// parseObject reads one JSON object with nothing behind it. An empty body is
// an empty object, so that POST /calls/{id}/hold needs none.
func parseObject(raw []byte) (fields, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return fields{}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	var f fields
	if err := dec.Decode(&f); err != nil {
		return nil, badJSON(raw, dec.InputOffset(), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, badJSON(raw, dec.InputOffset(), errors.New("there is more behind the object"))
	}
	if f == nil {
		return nil, badJSON(raw, 0, errors.New("null is not an object"))
	}
	return f, nil
}

// badJSON says where the body stops being JSON.
func badJSON(raw []byte, offset int64, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return newError("INVALID_ARGUMENT", "INVALID_JSON_BODY", "the body must be a JSON object, not %s", kind.Value)
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.Is(err, io.ErrUnexpectedEOF):
		offset = int64(len(raw))
		err = errors.New("the body ends too early")
	}
	before := raw[:min(int(offset), len(raw))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return newError("INVALID_ARGUMENT", "INVALID_JSON_BODY", "the body is not JSON: line %d, column %d: %v", line, column, err)
}

// validate holds raw against a schema and returns every fault, none when the
// value may be decoded into the schema's type.
func (s *Server) validate(schema *huma.Schema, raw []byte) []Detail {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return []Detail{{Reason: "INVALID_JSON", Message: err.Error()}}
	}
	var res huma.ValidateResult
	path := huma.NewPathBuffer(nil, 0)
	huma.Validate(s.schemas, schema, path, huma.ModeWriteToServer, v, &res)
	faults := make([]Detail, 0, len(res.Errors))
	for _, err := range res.Errors {
		var e *huma.ErrorDetail
		if !errors.As(err, &e) {
			faults = append(faults, Detail{Reason: "INVALID_VALUE", Message: err.Error()})
			continue
		}
		faults = append(faults, s.fault(schema, e))
	}
	return faults
}

// fault words one of huma's findings.
func (s *Server) fault(schema *huma.Schema, e *huma.ErrorDetail) Detail {
	d := Detail{Path: e.Location, Reason: "INVALID_VALUE", Message: e.Message}
	switch {
	case e.Message == validation.MsgUnexpectedProperty:
		name := e.Location[strings.LastIndexByte(e.Location, '.')+1:]
		d.Reason = "UNKNOWN_FIELD"
		d.Message = fmt.Sprintf("unknown field %q%s", name, didYouMean(name, s.siblings(schema, e.Location)))
	case strings.HasPrefix(e.Message, "expected required property"):
		d.Reason = "MISSING_FIELD"
	case slices.Contains(wrongTypes, e.Message):
		d.Reason = "WRONG_TYPE"
		d.Message = fmt.Sprintf("%s, not %s", e.Message, jsonKind(e.Value))
	}
	return d
}

var wrongTypes = []string{
	validation.MsgExpectedString, validation.MsgExpectedBoolean, validation.MsgExpectedInteger,
	validation.MsgExpectedNumber, validation.MsgExpectedArray, validation.MsgExpectedObject,
}

// siblings are the names that would have been right at a path.
func (s *Server) siblings(schema *huma.Schema, path string) []string {
	steps := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	for i, step := range steps {
		for schema != nil && schema.Ref != "" {
			schema = s.schemas.SchemaFromRef(schema.Ref)
		}
		switch {
		case schema == nil:
			return nil
		case i == len(steps)-1:
			return sortedNames(schema.Properties)
		case schema.Type == huma.TypeArray:
			schema = schema.Items
		default:
			schema = schema.Properties[step]
		}
	}
	return nil
}

func sortedNames(m map[string]*huma.Schema) []string {
	var names []string
	for n, p := range m {
		if !p.ReadOnly {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// didYouMean proposes the nearest name, or lists all when none is near.
func didYouMean(name string, names []string) string {
	best, dist := "", len(name)/2+1
	for _, n := range names {
		if d := editDistance(strings.ToLower(name), n); d < dist {
			best, dist = n, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(", did you mean %q?", best)
	case len(names) > 0:
		return "; known here: " + strings.Join(names, ", ")
	}
	return ""
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

func jsonKind(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return fmt.Sprintf("the string %.40q", v)
	case []any:
		return "an array"
	}
	return "an object"
}

// actionFaults is everything that is wrong with a list of actions.
func (s *Server) actionFaults(actions []byte) []Detail {
	_, err := flow.ParseJSON(actions, s.cfg.Verbs)
	var found *flow.Faults
	if !errors.As(err, &found) {
		return nil
	}
	faults := make([]Detail, len(found.Faults))
	for i, f := range found.Faults {
		faults[i] = Detail(f)
	}
	return faults
}

// undecodable words what a schema lets pass and a Go type can't hold, such as
// numbers out of range.
func undecodable(err error) Detail {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return Detail{Path: kind.Field, Reason: "INVALID_VALUE", Message: kind.Value + " is out of range"}
	}
	return Detail{Reason: "INVALID_VALUE", Message: err.Error()}
}

// decode holds raw against schema and decodes it, with every fault at once.
func decode[T any](s *Server, schema *huma.Schema, raw []byte) (*T, fields, error) {
	given, err := parseObject(raw)
	if err != nil {
		return nil, nil, err
	}
	if len(given) == 0 {
		raw = []byte("{}")
	}
	faults := s.validate(schema, raw)
	if actions := bytes.TrimSpace(given["actions"]); len(actions) > 0 && actions[0] == '[' {
		// The engine reads actions more closely than a schema can.
		faults = slices.DeleteFunc(faults, func(d Detail) bool { return strings.HasPrefix(d.Path, "actions[") })
		faults = append(faults, s.actionFaults(actions)...)
	}
	if len(faults) > 0 {
		return nil, nil, invalid(faults)
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, nil, invalid([]Detail{undecodable(err)})
	}
	return &v, given, nil
}
