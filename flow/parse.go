package flow

import (
	"encoding/json"
	"reflect"
	"slices"

	"offhook/resource"
)

// MaxActions bounds the actions of one document.
const MaxActions = 10000

// Ids that VoIPBIN reserves. The first means that nothing is set.
const (
	nilID    = "00000000-0000-0000-0000-000000000000"
	startID  = "00000000-0000-0000-0000-000000000001"
	finishID = "00000000-0000-0000-0000-000000000002"
	nextID   = "00000000-0000-0000-0000-000000000003"
)

// Program is a document that was found sound. It is immutable and may be run
// any number of times at once.
type Program struct {
	verbs   *Verbs
	actions []*action
	byID    map[string]int
}

// action is one step of a program.
type action struct {
	resource.Action
	verb   *Verb
	tree   *node  // of the option; nil when there is none
	option Option // decoded; nil when the option holds variables
}

// Parse checks actions against a table of verbs. The error is a *Faults with
// every fault of the document; paths begin with "actions[". Actions without an
// id get one.
func Parse(actions []resource.Action, verbs *Verbs) (*Program, error) {
	p := &parser{verbs: verbs, faults: &Faults{}}
	program := p.program(actions, "actions")
	if err := p.faults.err(); err != nil {
		return nil, err
	}
	return program, nil
}

// ParseJSON checks a document as text: an array of actions, or an object with
// such an array as "actions". It finds every fault in one pass.
func ParseJSON(raw []byte, verbs *Verbs) (*Program, error) {
	return parseJSON(raw, &parser{verbs: verbs, faults: &Faults{}})
}

func parseJSON(raw []byte, p *parser) (*Program, error) {
	n, err := readTree(raw)
	if err != nil {
		p.faults.add("", FaultInvalidJSON, "%v", err)
		return nil, p.faults
	}
	if n.kind == objectNode {
		list := n.field("actions")
		if list == nil {
			p.faults.add("actions", FaultMissingField, "is required: a list of actions")
			return nil, p.faults
		}
		n = list
	}
	program := p.program(readActions(n, "actions", p.faults), "actions")
	if err := p.faults.err(); err != nil {
		return nil, err
	}
	return program, nil
}

// Actions returns the actions with their ids, as they were written otherwise.
func (p *Program) Actions() []resource.Action {
	list := make([]resource.Action, len(p.actions))
	for i, a := range p.actions {
		list[i] = a.Action
	}
	return list
}

// Len returns how many actions there are.
func (p *Program) Len() int { return len(p.actions) }

// readActions reads a list of actions strictly.
func readActions(n *node, path string, faults *Faults) []resource.Action {
	if n.kind != arrayNode {
		faults.add(path, FaultWrongType, "must be an array of actions, not %s", kindNames[n.kind])
		return nil
	}
	type written struct { // as resource.Action, with a string where a verb is asked for
		ID     string          `json:"id"`
		NextID string          `json:"next_id"`
		Type   string          `json:"type" required:"true" doc:"the name of the verb"`
		Option json.RawMessage `json:"option"`
	}
	d := &decoding{faults: faults, open: map[string]bool{}}
	list := make([]resource.Action, len(n.kids))
	for i, kid := range n.kids {
		var w written
		d.structure(kid, reflect.ValueOf(&w).Elem(), index(path, i))
		list[i] = resource.Action(w)
	}
	return list
}

// parser checks one document.
type parser struct {
	verbs  *Verbs
	faults *Faults
	// outside reports whether a target that is not in the document is one of
	// the lists that it will be pushed from. May be nil.
	outside func(id string) bool
}

// program checks a list of actions. What it returns is sound only when there
// are no faults.
func (p *parser) program(list []resource.Action, path string) *Program {
	if len(list) > MaxActions {
		p.faults.add(path, FaultInvalidValue, "at most %d actions, not %d", MaxActions, len(list))
		return nil
	}
	program := &Program{verbs: p.verbs, byID: map[string]int{}}
	for i, a := range list {
		if a.ID == "" || a.ID == nilID {
			a.ID = resource.NewID()
		}
		if first, taken := program.byID[a.ID]; taken {
			p.faults.add(index(path, i)+".id", FaultDuplicateID, "%q is also the id of %s; ids are unique in a flow", a.ID, index(path, first))
		} else {
			program.byID[a.ID] = i
		}
		program.actions = append(program.actions, &action{Action: a})
	}
	for i, a := range program.actions {
		p.action(program, a, index(path, i))
	}
	return program
}

func (p *parser) action(program *Program, a *action, path string) {
	var targets []target
	if a.NextID == nilID {
		a.NextID = ""
	}
	if a.NextID != "" {
		targets = append(targets, target{join(path, "next_id"), a.NextID})
	}
	switch a.verb = p.verbs.Lookup(a.Type); {
	case a.Type == "":
		p.missingType(path)
	case a.verb == nil:
		p.faults.add(join(path, "type"), FaultUnknownAction, "%s", p.verbs.unknown(a.Type))
	default:
		p.option(a, join(path, "option"), &targets)
	}
	for _, t := range targets {
		p.target(program, t)
	}
}

// missingType tells it once: readActions may have done so.
func (p *parser) missingType(path string) {
	at := join(path, "type")
	if !slices.ContainsFunc(p.faults.Faults, func(f Fault) bool { return f.Path == at || f.Path == path }) {
		p.faults.add(at, FaultMissingField, "is required: the name of the verb")
	}
}

func (p *parser) option(a *action, path string, targets *[]target) {
	if len(a.Option) > 0 {
		tree, err := readTree(a.Option)
		if err != nil {
			p.faults.add(path, FaultInvalidJSON, "%v", err)
			return
		}
		if tree.kind != nullNode {
			a.tree = tree
		}
	}
	d := &decoding{verbs: p.verbs, faults: p.faults, open: map[string]bool{}, targets: targets}
	option := d.option(a, path)
	if a.tree == nil || !a.tree.anyString(hasPlaceholder) {
		a.option = option
	}
}

// option decodes an action's option and lets it validate itself when it was
// decoded without a fault.
func (d *decoding) option(a *action, path string) Option {
	option, before := a.verb.New(), len(d.faults.Faults)
	tree := a.tree
	if tree == nil {
		tree = &node{kind: objectNode}
	}
	d.structure(tree, reflect.ValueOf(option).Elem(), path)
	if v, ok := option.(Validator); ok && len(d.faults.Faults) == before {
		v.Validate(&Check{path: path, faults: d.faults, open: d.open})
	}
	return option
}

func (p *parser) target(program *Program, t target) {
	switch t.id {
	case nilID, startID, finishID, nextID:
		return
	}
	if _, ok := program.byID[t.id]; ok || p.outside != nil && p.outside(t.id) {
		return
	}
	var ids []string
	for _, a := range program.actions[:min(len(program.actions), 500)] {
		ids = append(ids, a.ID)
	}
	p.faults.add(t.path, FaultUnknownTarget, "no action has the id %q%s", t.id, hint(t.id, ids))
}
