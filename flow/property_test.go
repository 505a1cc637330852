package flow_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"offhook/flow"
	"offhook/resource"
)

// TestAnyFlowEnds runs flows made at random: whatever they jump to and push,
// each ends or can be stopped, within the limits, with a reason, journalled, and hung up.
func TestAnyFlowEnds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		flows := map[string]string{}
		for i := range rapid.IntRange(0, 3).Draw(rt, "flows") {
			flows[fmt.Sprint(i)] = anyFlow(rt, fmt.Sprintf("f%d-", i))
		}
		text := anyFlow(rt, "m")
		synctest.Test(t, func(t *testing.T) {
			d := &diary{flows: flows}
			run, _ := d.begin(t, text)
			time.AfterFunc(time.Minute, run.Stop) // one that says something now and then may go on for ever
			run.Wait()
			checkEnd(rt, d, run.State())
		})
	})
}

func checkEnd(t *rapid.T, d *diary, a resource.Activeflow) {
	switch a.EndReason {
	case flow.EndFinished, flow.EndStopped, flow.EndLoopLimit, flow.EndFailed:
	default:
		t.Fatalf("ended %q", a.EndReason)
	}
	sound := len(d.said)
	if a.ExecuteCount > (sound+1)*(flow.MaxIdleActions+1) {
		t.Fatalf("%d actions with %d of sound", a.ExecuteCount, sound)
	}
	if d.ended == "" || len(a.ExecutedActions) > 100 {
		t.Fatalf("hung up %q, %d shown", d.ended, len(a.ExecutedActions))
	}
	last := d.events[len(d.events)-1]
	if last.Type != "activeflow_ended" || d.events[0].Type != "activeflow_created" {
		t.Fatalf("first %s, last %s", d.events[0].Type, last.Type)
	}
}

// anyFlow draws a sound flow of up to six actions.
func anyFlow(t *rapid.T, prefix string) string {
	n := rapid.IntRange(1, 6).Draw(t, "actions")
	id := func() string { return fmt.Sprintf("%s%d", prefix, rapid.IntRange(0, n-1).Draw(t, "target")) }
	var list []string
	for i := range n {
		var verb string
		switch rapid.IntRange(0, 7).Draw(t, "verb") {
		case 0:
			verb = `"type":"say","option":{"text":"s","long":1000}`
		case 1, 2:
			verb = fmt.Sprintf(`"type":"hop","option":{"to":%q,"times":%d}`, id(), rapid.IntRange(0, 3).Draw(t, "times"))
		case 3:
			verb = fmt.Sprintf(`"type":"include","option":{"flow":"%d","inside":%v}`, rapid.IntRange(0, 3).Draw(t, "flow"), rapid.Bool().Draw(t, "inside"))
		case 4:
			verb = fmt.Sprintf(`"type":"set","next_id":%q`, id())
		case 5:
			verb = `"type":"fail"`
		case 6:
			verb = `"type":"quit"`
		default:
			verb = `"type":"set","option":{"name":"n","value":"${n}x"}`
		}
		list = append(list, fmt.Sprintf(`{"id":"%s%d",%s}`, prefix, i, verb))
	}
	return "[" + strings.Join(list, ",") + "]"
}
