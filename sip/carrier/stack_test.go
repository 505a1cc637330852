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

func start(t *testing.T, network *sip.MemoryNetwork, ip string, handler sip.Handler, change ...func(*sip.Config)) *sip.Stack {
	t.Helper()
	cfg := sip.Config{
		Listen: []string{"udp://" + ip + ":5060", "tcp://" + ip + ":5060"}, Handler: handler,
		Network: network.Host(netip.MustParseAddr(ip)),
	}
	for _, f := range change {
		f(&cfg)
	}
	s, err := sip.New(cfg)
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

// A registrar that is restarted knows nobody any more; over TCP its end shows at
// once, and so the registration is back at once.
func TestRegistrationFollowsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sip.NewMemoryNetwork()
		lookup := func(user, _ string) (registrar.Account, bool) {
			return registrar.Account{AOR: user, Secret: digest.Secret{Password: "pw"}}, user == "acme"
		}
		began := time.Now()
		var bound []time.Duration
		side := func() *sip.Stack {
			return start(t, network, "192.0.2.1", registrarSide{registrar.New(registrar.Options{
				Auth: digest.NewServer(digest.ServerOptions{}), Logger: quiet, Lookup: lookup,
				OnChange: func(string, []registrar.Contact) { bound = append(bound, time.Since(began)) },
			})})
		}
		far := side()
		var c *carrier.Carrier
		near := start(t, network, "192.0.2.9", registrarSide{}, func(cfg *sip.Config) {
			cfg.ConnectionLost = func(transport string, remote netip.AddrPort) { c.ConnectionLost(transport, remote) }
		})
		c = carrier.New(near, carrier.Provider{
			ID: "p", Hostname: "192.0.2.1:5060;transport=tcp", Username: "acme", Password: "pw", Register: true, Probe: -1,
		}, carrier.Options{Logger: quiet, Random: func() float64 { return 0 }})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		time.AfterFunc(time.Minute, func() {
			if err := far.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second / 2)
			side()
		})
		c.Run(ctx)
		want := []time.Duration{0, 61 * time.Second, 2 * time.Minute} // the first attempt finds nobody there; then the good-bye
		if diff := cmp.Diff(want, bound); diff != "" {
			t.Errorf("bindings changed at (-want +got):\n%s", diff)
		}
	})
}
