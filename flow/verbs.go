package flow

import (
	"fmt"
	"slices"
)

// Verbs is the table of verbs that documents may use. It is made once and safe
// for concurrent use.
type Verbs struct {
	rows    []*Verb
	names   map[string]*Verb
	refused map[string]string
	known   []string // names and aliases, for hints
}

// NewVerbs makes a table of rows. Refused names verbs of other systems that are
// told apart from mistyped ones, each with the reason for its absence. It panics
// when a name is there twice: the table is written in code.
func NewVerbs(rows []Verb, refused map[string]string) *Verbs {
	v := &Verbs{names: map[string]*Verb{}, refused: refused}
	for i := range rows {
		row := &rows[i]
		v.rows = append(v.rows, row)
		for _, name := range append([]string{row.Name}, row.Aliases...) {
			if v.names[name] != nil {
				panic(fmt.Sprintf("flow: verb %q is in the table twice", name))
			}
			v.names[name] = row
			v.known = append(v.known, name)
		}
	}
	return v
}

// Rows returns the rows in the order of the table.
func (v *Verbs) Rows() []*Verb { return slices.Clone(v.rows) }

// Lookup returns the verb of that name or alias, or nil.
func (v *Verbs) Lookup(name string) *Verb { return v.names[name] }

// unknown is the message for a verb that is not in the table.
func (v *Verbs) unknown(name string) string {
	if reason := v.refused[name]; reason != "" {
		return fmt.Sprintf("action %q is not supported: %s", name, reason)
	}
	return fmt.Sprintf("unknown action %q%s", name, hint(name, v.known))
}
