package conference_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// TestDialNeverConnects dials by a carrier that accepts connections and then says
// nothing, not even TLS: the call ends when nobody may ring any longer, at its
// hang-up, or goes on by the next route.
func TestDialNeverConnects(t *testing.T) {
	for _, test := range []struct {
		name       string
		other      bool // there is another route
		hangsUp    bool
		wait       time.Duration
		status, by string
	}{
		{name: "alone", wait: 21 * time.Second, status: resource.StatusHangup, by: call.ReasonDialout},
		{name: "hung up", hangsUp: true, wait: time.Second, status: resource.StatusHangup, by: call.ReasonCancel},
		{name: "another route", other: true, wait: 5 * time.Second, status: resource.StatusProgressing},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, 1, &tally{counts: map[string]int{}})
				s.script = func(ctx context.Context, _ *call.Call) { <-ctx.Done() }
				silent, err := s.network.Host(netip.MustParseAddr("192.0.2.9")).Listen(t.Context(), "192.0.2.9:5061")
				must(t, err)
				s.route("silent", "192.0.2.9:5061;transport=tls", 1)
				var phones []*phone.Phone
				if test.other {
					p := s.phone("carrier", "", func(c *phone.Call) { _ = c.Answer() })
					phones = append(phones, p)
					s.route("good", p.Addr().String(), 2)
				}
				calls, _, err := s.x.Dial(t.Context(), call.DialOptions{
					CustomerID: customer, RingTimeout: 20 * time.Second, Script: call.Script{FlowID: "f"},
					Destinations: []resource.Address{{Type: resource.TypeTel, Target: "+4930"}},
				})
				must(t, err)
				if test.hangsUp {
					time.Sleep(time.Second)
					calls[0].Hangup(call.CauseOf(call.ReasonNormal))
				}
				time.Sleep(test.wait)
				if row := calls[0].Snapshot(); row.Status != test.status || row.HangupReason != test.by {
					t.Errorf("the call is %s (%q), want %s (%q)", row.Status, row.HangupReason, test.status, test.by)
				}
				s.close(phones...)
				must(t, silent.Close())
			})
		})
	}
}

// route makes a carrier and a route of all calls to it.
func (s *stage) route(name, hostname string, priority int) {
	must(s.t, s.db.Write(s.t.Context(), func(tx *store.Tx) error {
		id := resource.Identity{ID: name, CustomerID: customer, TMCreate: resource.Now()}
		if err := rows.Providers.Insert(tx, &resource.Provider{Identity: id, Hostname: hostname}); err != nil {
			return err
		}
		return rows.Routes.Insert(tx, &resource.Route{Identity: id, ProviderID: name, Target: "all", Priority: priority})
	}))
}
