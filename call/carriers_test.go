package call_test

import (
	"testing"

	"offhook/call"
	"offhook/resource"
)

// TestCarriersWaitForTheSockets: what is provisioned at start is not dialled
// before there is a socket, which would cost the first registration its pause.
func TestCarriersWaitForTheSockets(t *testing.T) {
	p := &resource.Provider{Identity: resource.Identity{ID: "out", CustomerID: customer}, Hostname: "127.0.0.1:5999", Register: true, Username: "u"}
	newBench(t, nil, func(cfg *call.Config) {
		x, err := call.New(*cfg)
		if err != nil {
			t.Fatal(err)
		}
		x.Changed(t.Context(), p, false)
		if _, registration := x.CarrierState(customer, "out"); registration != "" {
			t.Errorf("registration %q before the start", registration)
		}
	})
	b := newBench(t, nil)
	b.x.Changed(t.Context(), p, false)
	if _, registration := b.x.CarrierState(customer, "out"); registration == "" {
		t.Error("a provider that is changed later is not watched")
	}
}
