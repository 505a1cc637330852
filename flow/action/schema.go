package action

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"offhook/flow"
	"offhook/resource"
)

// Schema returns the JSON schema of one action, made of the table and of the
// tags of the options' structs. Lists of actions inside of options refer to
// "#/$defs/action", which it holds.
func Schema() *jsonschema.Schema {
	s := SchemaAt("#/$defs/action")
	return &jsonschema.Schema{Ref: "#/$defs/action", Defs: map[string]*jsonschema.Schema{"action": s}}
}

// SchemaAt returns the same for a document that keeps it at ref, such as
// "#/components/schemas/Action".
func SchemaAt(ref string) *jsonschema.Schema {
	s := &jsonschema.Schema{Description: "One step of a flow: a verb and its options"}
	for _, verb := range Verbs.Rows() {
		s.OneOf = append(s.OneOf, verbSchema(verb, ref))
	}
	return s
}

// verbSchema is the schema of the actions of one verb.
func verbSchema(verb *flow.Verb, ref string) *jsonschema.Schema {
	options := OptionType(verb)
	option := structSchema(options, ref)
	required := []string{"type"}
	if len(option.Required) > 0 {
		required = append(required, "option")
	} else {
		option.Types, option.Type = []string{"object", "null"}, ""
	}
	names := []any{verb.Name}
	for _, alias := range verb.Aliases {
		names = append(names, alias)
	}
	return &jsonschema.Schema{
		Title: verb.Name, Description: verb.Doc, Type: "object", Required: required,
		AdditionalProperties: nothing(), PropertyOrder: []string{"id", "type", "option", "next_id"},
		Properties: map[string]*jsonschema.Schema{
			"id":      {Type: "string", Description: "Opaque, unique in the flow; made by the server when omitted"},
			"type":    {Type: "string", Enum: names},
			"option":  option,
			"next_id": {Type: "string", Description: "The action that follows instead of the next one in the list"},
		},
	}
}

// nothing is the schema that no value satisfies.
func nothing() *jsonschema.Schema { return &jsonschema.Schema{Not: &jsonschema.Schema{}} }

// OptionType returns the struct that a verb's option is decoded into.
func OptionType(verb *flow.Verb) reflect.Type { return reflect.TypeOf(verb.New()).Elem() }

// structSchema infers the schema of a struct and adds what its tags say.
func structSchema(t reflect.Type, ref string) *jsonschema.Schema {
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[resource.Action](): {Ref: ref},
		reflect.TypeFor[json.RawMessage](): {Type: "object"},
	}})
	if err != nil {
		panic(fmt.Sprintf("action: schema of %v: %v", t, err)) // the types are in code, and tested
	}
	describe(s, t)
	return s
}

// describe adds to the schema of a struct what the tags of its fields say.
func describe(s *jsonschema.Schema, t reflect.Type) {
	s.Required = nil
	for _, f := range flow.Fields(t) {
		field := s.Properties[f.Name]
		if field == nil {
			continue
		}
		if f.Tag.Get("required") == "true" {
			s.Required = append(s.Required, f.Name)
		}
		s.Properties[f.Name] = describeField(field, f)
	}
}

func describeField(s *jsonschema.Schema, f flow.Field) *jsonschema.Schema {
	inner, t := s, f.Type
	for {
		switch {
		case t.Kind() == reflect.Pointer:
			t = t.Elem()
			continue
		case t.Kind() == reflect.Slice && t.Elem() != reflect.TypeFor[resource.Action]() && inner.Items != nil:
			inner, t = inner.Items, t.Elem()
			continue
		}
		break
	}
	if t.Kind() == reflect.Struct && inner.Properties != nil {
		describe(inner, t)
	}
	constrain(inner, t, f.Tag)
	if fills := t.Kind() == reflect.Bool || t.Kind() == reflect.Int || t.Kind() == reflect.Float64; fills && inner == s {
		s = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, variableSchema()}}
	}
	s.Description = f.Tag.Get("doc")
	if text, ok := f.Tag.Lookup("default"); ok {
		s.Default = defaultJSON(t, text)
	}
	return s
}

// constrain adds enum and bounds to the schema of a value.
func constrain(s *jsonschema.Schema, t reflect.Type, tag reflect.StructTag) {
	if words, ok := tag.Lookup("enum"); ok {
		for _, word := range strings.Split(words, ",") {
			s.Enum = append(s.Enum, word)
		}
		open := &jsonschema.Schema{Type: s.Type, Types: s.Types, Enum: s.Enum}
		*s = jsonschema.Schema{AnyOf: []*jsonschema.Schema{open, variableSchema()}}
	}
	if t.Kind() != reflect.Int && t.Kind() != reflect.Float64 {
		return
	}
	s.Minimum, s.Maximum = number(tag.Get("minimum")), number(tag.Get("maximum"))
}

// variableSchema is that of a string that holds a variable.
func variableSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `\$\{[^}]*\}|\{\{.*\}\}`}
}

func number(text string) *float64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return &x
}

func defaultJSON(t reflect.Type, text string) json.RawMessage {
	if t.Kind() == reflect.String {
		text = strconv.Quote(text)
	}
	return json.RawMessage(text)
}

// typeName is how the documentation calls the type of an option.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		if t == reflect.TypeFor[json.RawMessage]() {
			return "object"
		}
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return "map of " + typeName(t.Elem())
	case reflect.Struct:
		return strings.ToLower(strings.TrimPrefix(t.Name(), "AI"))
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Interface:
		return "any"
	}
	return "string"
}

// structs returns the structs that options of a type hold, in order, for their
// own tables in the documentation.
func structs(t reflect.Type, found []reflect.Type) []reflect.Type {
	for _, f := range flow.Fields(t) {
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[resource.Action]() && !slices.Contains(found, inner) {
			found = structs(inner, append(found, inner))
		}
	}
	return found
}
