package action

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"offhook/flow"
	"offhook/resource"
)

//go:generate go run ./actiondocs ../../docs/actions.md

const docsHead = `# Actions

<!-- Made by "go generate ./flow/action" from flow/action/table.go and the options' structs. -->

A flow is a list of actions. Each has a ` + "`type`" + ` (the verb), mostly an ` + "`option`" + `, and
where something shall go to it, an ` + "`id`" + ` of your choice:

    {"id": "welcome", "type": "talk", "option": {"text": "Hello ${call.source.name}"}}

Actions run in order, unless one jumps or has a ` + "`next_id`" + `. A flow that comes to its
end hangs up; a call that ends ends its flow. An action that can't do what it
should is told by the event ` + "`activeflow_action_failed`" + ` and the flow goes on.

Flows are checked when they are saved: an unknown field, verb or target and a
wrong type are refused with their place. ` + "`offhook validate FILE.json`" + ` does the same offline.

**Variables** are written ` + "`${name}`" + ` or ` + "`{{name}}`" + ` anywhere in an option; unknown ones are empty.
Numbers and booleans may be a string that holds one variable and nothing else.
Built-in names begin with ` + "`voipbin.`" + ` and may be read without it.

`

// Docs returns the page docs/actions.md.
func Docs() string {
	var b strings.Builder
	b.WriteString(docsHead)
	for _, verb := range Verbs.Rows() {
		fmt.Fprintf(&b, "- [%s](#%s)\n", verb.Name, verb.Name)
	}
	b.WriteByte('\n')
	for _, verb := range Verbs.Rows() {
		writeVerb(&b, verb)
	}
	b.WriteString("## Verbs of VoIPBIN that are not here\n\n")
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		fmt.Fprintf(&b, "- `%s`: %s.\n", name, refused[name])
	}
	return b.String()
}

func writeVerb(b *strings.Builder, verb *flow.Verb) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n", verb.Name, verb.Doc)
	if len(verb.Aliases) > 0 {
		fmt.Fprintf(b, "Also called `%s`.\n\n", strings.Join(verb.Aliases, "`, `"))
	}
	switch _, early := verb.New().(flow.EarlyMedia); {
	case early:
		b.WriteString("Needs a call and answers it first, except with `\"early_media\": true`.\n\n")
	case verb.Needs == flow.NeedsAnswer:
		b.WriteString("Needs a call and answers it first.\n\n")
	case verb.Needs == flow.NeedsCall:
		b.WriteString("Needs a call.\n\n")
	}
	t := OptionType(verb)
	writeFields(b, t)
	for _, inner := range structs(t, nil) {
		fmt.Fprintf(b, "Fields of each %s:\n\n", typeName(inner))
		writeFields(b, inner)
	}
	if verb.Example != "" {
		fmt.Fprintf(b, "    {\"type\": \"%s\", \"option\": %s}\n\n", verb.Name, verb.Example)
	}
}

func writeFields(b *strings.Builder, t reflect.Type) {
	fields := flow.Fields(t)
	if len(fields) == 0 {
		return
	}
	b.WriteString("| option | type | default | |\n|---|---|---|---|\n")
	for _, f := range fields {
		name := typeName(f.Type)
		if f.Type == reflect.TypeFor[[]resource.Action]() {
			name = "list of actions"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, name, defaultText(f.Tag), cell(f.Tag.Get("doc")))
	}
	b.WriteByte('\n')
}

func defaultText(tag reflect.StructTag) string {
	if tag.Get("required") == "true" {
		return "required"
	}
	if text := tag.Get("default"); text != "" {
		return "`" + text + "`"
	}
	return ""
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
