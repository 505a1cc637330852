package callflow

import (
	"sync"

	"offhook/flow"
	"offhook/resource"
)

// maxPrograms bounds the programs that are kept; then all are forgotten.
const maxPrograms = 1024

// programs keeps what stored flows were compiled to, for the calls that run the
// same one. It may be used from any goroutine.
type programs struct {
	verbs *flow.Verbs

	mu     sync.Mutex
	byFlow map[string]compiled // by customer and id
}

// compiled is a program and the actions that it was made of: those of a cached
// row, which nobody changes, so that they are known by where they are.
type compiled struct {
	actions *resource.Action
	length  int
	program *flow.Program
}

// of compiles actions. Those of a stored flow are compiled once for as long as
// the flow's row is cached; flowID is empty for others.
func (p *programs) of(customerID, flowID string, actions []resource.Action) (*flow.Program, error) {
	if flowID == "" || len(actions) == 0 {
		return flow.Parse(actions, p.verbs)
	}
	key := runKey(customerID, flowID)
	p.mu.Lock()
	known, ok := p.byFlow[key]
	p.mu.Unlock()
	if ok && known.actions == &actions[0] && known.length == len(actions) {
		return known.program, nil
	}
	program, err := flow.Parse(actions, p.verbs)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byFlow == nil || len(p.byFlow) >= maxPrograms {
		p.byFlow = map[string]compiled{}
	}
	p.byFlow[key] = compiled{actions: &actions[0], length: len(actions), program: program}
	return program, nil
}
