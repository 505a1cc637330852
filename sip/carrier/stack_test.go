package carrier_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"offhook/sip"
	"offhook/sip/carrier"
	"offhook/sip/digest"
	"offhook/sip/registrar"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
)

var _ carrier.Stack = (*sip.Stack)(nil)

var quiet = slog.New(slog.DiscardHandler)

// registrarSide answers REGISTER with a registrar and everything else with 200.
type registrarSide struct{ registrar *registrar.Registrar }

func (registrarSide) Invite(d *sip.Dialog) { _ = d.Reject(404, "") }

func (s registrarSide) Request(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	if req.Method == sipmsg.REGISTER {
		s.registrar.Handle(req, tx)
		return
	}
	_ = tx.Respond(sipmsg.NewResponseFromRequest(req, 200, "OK", nil))
}

func start(t *testing.T, network *sip.MemoryNetwork, ip string, handler sip.Handler) *sip.Stack {
	t.Helper()
	s, err := sip.New(sip.Config{
		Listen: []string{"udp://" + ip + ":5060", "tcp://" + ip + ":5060"}, Handler: handler,
		Network: network.Host(netip.MustParseAddr(ip)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
	})
	return s
}

// TestWithStackAndRegistrar runs a carrier against a registrar over the real
// stack: a day with an outage of five minutes, in virtual time.
func TestWithStackAndRegistrar(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { day(t, transport) })
		})
	}
}

func day(t *testing.T, transport string) {
	began := time.Now()
	at := func() string { return time.Since(began).Round(time.Second).String() }
	var bindings, states []string
	var outage atomic.Bool
	network := sip.NewMemoryNetwork()
	network.Delay = 5 * time.Millisecond
	network.Lose = func(sip.Delivery) bool { return outage.Load() }
	r := registrar.New(registrar.Options{
		Auth: digest.NewServer(digest.ServerOptions{}), Logger: quiet, MinExpires: 10 * time.Minute,
		Lookup: func(user, _ string) (registrar.Account, bool) {
			return registrar.Account{AOR: user, Secret: digest.Secret{Password: "pw"}}, user == "acme"
		},
		OnChange: func(aor string, list []registrar.Contact) {
			bindings = append(bindings, fmt.Sprint(at(), " ", len(list)))
		},
	})
	start(t, network, "192.0.2.1", registrarSide{r})
	c := carrier.New(start(t, network, "192.0.2.9", registrarSide{r}), carrier.Provider{
		ID: "p", Hostname: "192.0.2.1:5060;transport=" + transport, Username: "acme", Password: "pw", Register: true, Expires: time.Minute,
	}, carrier.Options{Logger: quiet, OnChange: func(_ carrier.Provider, s carrier.State) {
		states = append(states, fmt.Sprint(at(), " ", s.Registration, " ", s.Health))
	}, Random: func() float64 { return 0.5 }})

	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	go r.Run(ctx)
	if transport == "udp" {
		// Streams of this network do not lose what is written to them.
		time.AfterFunc(12*time.Hour, func() { outage.Store(true) })
		time.AfterFunc(12*time.Hour+5*time.Minute, func() { outage.Store(false) })
	}
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		c.Run(ctx)
	}()
	<-ran
	wantBindings := []string{"0s 1", "24h0m0s 0"}
	want := []string{"0s registered unknown", "1s registered healthy", "24h0m0s off healthy"}
	if transport == "udp" {
		// The outage falls on a refresh; the binding runs out in it, and is
		// back as soon as two probes have been answered.
		wantBindings = []string{"0s 1", "12h5m3s 0", "12h5m10s 1", "24h0m0s 0"}
		want = []string{
			"0s registered unknown", "1s registered healthy", "12h0m40s registered unhealthy", "12h4m31s trying unhealthy",
			"12h5m10s trying healthy", "12h5m10s registered healthy", "24h0m0s off healthy",
		}
	}
	if diff := cmp.Diff(wantBindings, bindings); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}
