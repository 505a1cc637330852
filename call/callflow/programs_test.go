package callflow

import (
	"testing"

	"offhook/flow"
	"offhook/flow/action"
	"offhook/resource"
)

func TestAStoredFlowIsCompiledOnce(t *testing.T) {
	row := []resource.Action{{Type: "answer"}, {Type: "hangup"}}
	changed := []resource.Action{{Type: "answer"}}
	p := programs{verbs: action.Verbs}
	compile := func(customer, id string, actions []resource.Action) *flow.Program {
		t.Helper()
		program, err := p.of(customer, id, actions)
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	first := compile("c1", "f", row)
	if compile("c1", "f", row) != first {
		t.Error("the same row was compiled again")
	}
	if compile("c2", "f", changed).Len() != 1 || compile("c1", "f", row) != first {
		t.Error("customers share a program by its flow's id")
	}
	if compile("c1", "f", changed).Len() != 1 {
		t.Error("a changed row was not compiled")
	}
	own := compile("c1", "", row)
	if compile("c1", "", row) == own {
		t.Error("actions that are no stored flow were kept")
	}
	if _, err := p.of("c1", "g", []resource.Action{{Type: "nothing"}}); err == nil {
		t.Error("a flow with a fault was compiled")
	}
}
