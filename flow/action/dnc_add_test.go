package action_test

import (
	"context"
	"log/slog"
	"testing"

	"offhook/flow"
	"offhook/flow/action"
	"offhook/resource"
)

// optOuts notes what is put on the list.
type optOuts struct{ got []string }

// AddOptOut implements flow.OptOuts.
func (o *optOuts) AddOptOut(_ context.Context, customerID, number, detail string) error {
	o.got = append(o.got, customerID+" "+number+" "+detail)
	return nil
}

// party implements flow.Call as far as dnc_add needs it.
type party struct {
	flow.Call
	row resource.Call
}

// Snapshot implements flow.Call.
func (p party) Snapshot() resource.Call { return p.row }

// Hangup implements flow.Call: the run is over.
func (p party) Hangup(string) {}

func TestDNCAdd(t *testing.T) {
	a, b := resource.Address{Target: "+1555"}, resource.Address{Target: "+1666"}
	for _, c := range []struct {
		name, option, direction, want string
	}{
		{"who was called", `{}`, resource.DirectionOutgoing, "c1 +1666 "},
		{"who called", `{"detail": "menu"}`, resource.DirectionIncoming, "c1 +1555 menu"},
		{"another", `{"number": "+1777"}`, resource.DirectionIncoming, "c1 +1777 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			program, err := flow.Parse([]resource.Action{{Type: "dnc_add", Option: []byte(c.option)}}, action.Verbs)
			if err != nil {
				t.Fatal(err)
			}
			list := &optOuts{}
			host := flow.Host{Call: party{row: resource.Call{Direction: c.direction, Source: a, Destination: b}}, OptOuts: list}
			flow.Start(t.Context(), host, flow.Options{ID: "r", CustomerID: "c1", Program: program, Logger: slog.New(slog.DiscardHandler)}).Wait()
			if len(list.got) != 1 || list.got[0] != c.want {
				t.Errorf("%q", list.got)
			}
		})
	}
}
