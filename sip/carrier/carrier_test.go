package carrier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/sip/digest"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
)

// far is the carrier's side: it keeps a ladder of what it was asked and when.
type far struct {
	start time.Time
	auth  *digest.Server

	mu      sync.Mutex
	ladder  []string
	answer  func(req *sipmsg.Request) (status int, headers []sipmsg.Header, err error) // after authentication
	options func() error
}

func newFar() *far {
	return &far{start: time.Now(), auth: digest.NewServer(digest.ServerOptions{Realm: "carrier", NonceLife: time.Hour})}
}

// farEnd is where the carrier's connections end.
var farEnd = netip.MustParseAddrPort("192.0.2.1:5060")

var errUnreachable = errors.New("connection refused")

func (f *far) ContactFor(_ context.Context, user, _ string) (*sipmsg.ContactHeader, error) {
	return &sipmsg.ContactHeader{
		Address: sipmsg.Uri{Scheme: "sip", User: user, Host: "192.0.2.9", Port: 5060}, Params: sipmsg.NewParams(),
	}, nil
}

func (f *far) Do(ctx context.Context, req *sipmsg.Request, hop string) (*sipmsg.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	status, headers, err := f.respond(req)
	if req.Method == sipmsg.REGISTER {
		outcome := fmt.Sprint(status)
		if err != nil {
			outcome = "lost"
		}
		f.ladder = append(f.ladder, fmt.Sprintf("%v cseq %d expires %s: %s",
			time.Since(f.start).Round(time.Second), req.CSeq().SeqNo, req.GetHeader("Expires").Value(), outcome))
	}
	if err != nil {
		return nil, err
	}
	res := sipmsg.NewResponse(status, "")
	res.SetTransport("TCP")
	res.SetSource(farEnd.String())
	for _, h := range headers {
		res.AppendHeader(h)
	}
	return res, nil
}

func (f *far) respond(req *sipmsg.Request) (int, []sipmsg.Header, error) {
	if req.Method == sipmsg.OPTIONS {
		if f.options == nil {
			return 404, nil, nil
		}
		return 200, nil, f.options()
	}
	status, headers, err := 200, []sipmsg.Header(nil), error(nil)
	if f.answer != nil {
		status, headers, err = f.answer(req)
	}
	if err != nil || status != 200 {
		return status, headers, err
	}
	secret := func(user string) (digest.Secret, bool) { return digest.Secret{Password: "pw"}, user == "acme" }
	if _, result := f.auth.Check(req, secret); result != digest.Accepted {
		return 401, f.auth.Challenge(401, result == digest.Stale), nil
	}
	return 200, headers, nil
}

func provider() Provider {
	return Provider{ID: "p", Hostname: "carrier.example.com:5060", Username: "acme", Password: "pw", Register: true, Probe: -1}
}

// run lets a carrier run in virtual time; at its end it says good-bye.
func run(t *testing.T, f *far, p Provider, d time.Duration, during func(*Carrier)) (*Carrier, []string) {
	t.Helper()
	var changes []string
	c := New(f, p, Options{
		Logger: slog.New(slog.DiscardHandler), Random: func() float64 { return 0 },
		OnChange: func(_ Provider, s State) {
			changes = append(changes, fmt.Sprintf("%v %s %s", time.Since(f.start).Round(time.Second), s.Registration, s.Health))
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if during != nil {
		go during(c)
	}
	c.Run(ctx)
	return c, changes
}

func wantLadder(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestRegisterRefreshUnregister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		f.answer = func(*sipmsg.Request) (int, []sipmsg.Header, error) {
			return 200, []sipmsg.Header{sipmsg.NewHeader("Expires", "600")}, nil
		}
		c, changes := run(t, f, provider(), 11*time.Minute, nil)
		wantLadder(t, "requests", f.ladder,
			"0s cseq 1 expires 3600: 401", "0s cseq 2 expires 3600: 200",
			"5m0s cseq 3 expires 3600: 200", "10m0s cseq 4 expires 3600: 200",
			"11m0s cseq 5 expires 0: 200")
		wantLadder(t, "changes", changes, "0s registered unknown", "11m0s off unknown")
		if s := c.State(); s.Registration != Off || s.Err != "" {
			t.Errorf("state %+v", s)
		}
	})
}

func TestGrantOfOurContactCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		f.answer = func(*sipmsg.Request) (int, []sipmsg.Header, error) {
			contact := func(text, expires string) sipmsg.Header {
				h := &sipmsg.ContactHeader{Params: sipmsg.NewParams()}
				if err := sipmsg.ParseUri(text, &h.Address); err != nil {
					t.Error(err)
				}
				h.Params.Add("expires", expires)
				return h
			}
			return 200, []sipmsg.Header{
				contact("sip:acme@192.0.2.8:5060", "3000"), contact("sip:acme@192.0.2.9:5060", "120"),
				sipmsg.NewHeader("Expires", "3000"),
			}, nil
		}
		run(t, f, provider(), 61*time.Second, nil)
		wantLadder(t, "requests", f.ladder, "0s cseq 1 expires 3600: 401", "0s cseq 2 expires 3600: 200",
			"1m0s cseq 3 expires 3600: 200", "1m1s cseq 4 expires 0: 200")
	})
}

func TestIntervalTooBrief(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		f.answer = func(req *sipmsg.Request) (int, []sipmsg.Header, error) {
			if req.GetHeader("Expires").Value() == "60" {
				return 423, []sipmsg.Header{sipmsg.NewHeader("Min-Expires", "300")}, nil
			}
			return 200, nil, nil
		}
		p := provider()
		p.Expires = time.Minute
		run(t, f, p, 151*time.Second, nil)
		wantLadder(t, "requests", f.ladder, "0s cseq 1 expires 60: 423", "0s cseq 2 expires 300: 401", "0s cseq 3 expires 300: 200",
			"2m30s cseq 4 expires 300: 200", "2m31s cseq 5 expires 0: 200")
	})
}

func TestBackoffAndReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		f.answer = func(*sipmsg.Request) (int, []sipmsg.Header, error) {
			if time.Since(f.start) < 20*time.Second {
				return 0, nil, errUnreachable
			}
			return 200, nil, nil
		}
		c, _ := run(t, f, provider(), 40*time.Second, nil)
		wantLadder(t, "requests", f.ladder,
			"0s cseq 1 expires 3600: lost", "1s cseq 2 expires 3600: lost", "3s cseq 3 expires 3600: lost",
			"7s cseq 4 expires 3600: lost", "15s cseq 5 expires 3600: lost",
			"31s cseq 6 expires 3600: 401", "31s cseq 7 expires 3600: 200", "40s cseq 8 expires 0: 200")
		if s := c.State(); s.Err != "" {
			t.Errorf("state %+v", s)
		}
	})
}

func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		f.answer = func(*sipmsg.Request) (int, []sipmsg.Header, error) {
			if len(f.ladder) == 0 {
				return 503, []sipmsg.Header{sipmsg.NewHeader("Retry-After", "90 (maintenance);duration=60")}, nil
			}
			return 200, nil, nil
		}
		run(t, f, provider(), 91*time.Second, nil)
		wantLadder(t, "requests", f.ladder, "0s cseq 1 expires 3600: 503", "1m30s cseq 2 expires 3600: 401",
			"1m30s cseq 3 expires 3600: 200", "1m31s cseq 4 expires 0: 200")
	})
}

func TestRefusedAccountIsTriedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		p := provider()
		p.Password = "wrong"
		c, changes := run(t, f, p, 100*time.Second, func(c *Carrier) {
			time.Sleep(time.Second)
			if s := c.State(); s.Registration != Refused || s.Usable() || !strings.Contains(s.Err, "refused") {
				t.Errorf("state %+v", s)
			}
		})
		wantLadder(t, "requests", f.ladder, "0s cseq 1 expires 3600: 401", "0s cseq 2 expires 3600: 401",
			"30s cseq 3 expires 3600: 401", "30s cseq 4 expires 3600: 401",
			"1m30s cseq 5 expires 3600: 401", "1m30s cseq 6 expires 3600: 401")
		wantLadder(t, "changes", changes, "0s refused unknown", "1m40s off unknown")
		if c.State().Registration != Off {
			t.Error("not off")
		}
	})
}

func TestTransportLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		run(t, f, provider(), 200*time.Second, func(c *Carrier) {
			time.Sleep(100 * time.Second)
			c.Lost()
		})
		wantLadder(t, "requests", f.ladder, "0s cseq 1 expires 3600: 401", "0s cseq 2 expires 3600: 200",
			"1m40s cseq 3 expires 3600: 200", "3m20s cseq 4 expires 0: 200")
	})
}

// The registration is gone with the connection that it was made on, and with no
// other; a carrier that closes one after the other is asked ever less often.
func TestConnectionLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		p := provider()
		p.Hostname += ";transport=tcp"
		run(t, f, p, 200*time.Second, func(c *Carrier) {
			time.Sleep(50 * time.Second)
			c.ConnectionLost("TCP", netip.MustParseAddrPort("192.0.2.1:40000"))
			c.ConnectionLost("TLS", farEnd)
			time.Sleep(50 * time.Second)
			c.ConnectionLost("TCP", farEnd)
			for range 60 {
				time.Sleep(1100 * time.Millisecond)
				c.ConnectionLost("TCP", farEnd)
			}
		})
		wantLadder(t, "requests", f.ladder, "0s cseq 1 expires 3600: 401", "0s cseq 2 expires 3600: 200",
			"1m40s cseq 3 expires 3600: 200", "1m42s cseq 4 expires 3600: 200", "1m44s cseq 5 expires 3600: 200",
			"1m48s cseq 6 expires 3600: 200", "1m57s cseq 7 expires 3600: 200", "2m14s cseq 8 expires 3600: 200",
			"2m46s cseq 9 expires 3600: 200", "3m20s cseq 10 expires 0: 200")
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		run(t, f, provider(), 100*time.Second, func(c *Carrier) {
			time.Sleep(50 * time.Second)
			c.ConnectionLost("TCP", farEnd) // the provider is reached by UDP
		})
		wantLadder(t, "requests", f.ladder, "0s cseq 1 expires 3600: 401", "0s cseq 2 expires 3600: 200", "1m40s cseq 3 expires 0: 200")
	})
}

// TestFailedRefreshKeepsTheRegistration until it runs out.
func TestFailedRefreshKeepsTheRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		f.answer = func(*sipmsg.Request) (int, []sipmsg.Header, error) {
			if time.Since(f.start) > 0 {
				return 0, nil, errUnreachable
			}
			return 200, []sipmsg.Header{sipmsg.NewHeader("Expires", "60")}, nil
		}
		_, changes := run(t, f, provider(), 5*time.Minute, func(c *Carrier) {
			time.Sleep(40 * time.Second)
			if s := c.State(); !s.Usable() || s.Err == "" {
				t.Errorf("state %+v", s)
			}
		})
		wantLadder(t, "changes", changes, "0s registered unknown", "45s trying unknown", "5m0s off unknown")
	})
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		dead := func(from, to time.Duration) bool {
			d := time.Since(f.start)
			return d >= from && d < to
		}
		f.options = func() error {
			// Dead from 100 s to 200 s, one lost answer at 300 s, one lucky one at 150 s.
			if dead(99*time.Second, 200*time.Second) && !dead(150*time.Second, 154*time.Second) || dead(299*time.Second, 302*time.Second) {
				return errUnreachable
			}
			return nil
		}
		p := provider()
		p.Register, p.Probe = false, 30*time.Second
		_, changes := run(t, f, p, 400*time.Second, nil)
		wantLadder(t, "changes", changes, "0s off healthy", "2m10s off unhealthy", "3m25s off healthy")
	})
}

func TestRevivedCarrierIsRegisteredWithAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		down := func() bool { d := time.Since(f.start); return d > 10*time.Second && d < 100*time.Second }
		f.options = func() error {
			if down() {
				return errUnreachable
			}
			return nil
		}
		p := provider()
		p.Probe = 30 * time.Second
		_, changes := run(t, f, p, 120*time.Second, nil)
		// Which of the two is first at 0 s is left to chance.
		wantLadder(t, "changes", changes[1:], "0s registered healthy", "40s registered unhealthy",
			"1m45s registered healthy", "2m0s off healthy")
		wantLadder(t, "requests", f.ladder, "0s cseq 1 expires 3600: 401", "0s cseq 2 expires 3600: 200",
			"1m45s cseq 3 expires 3600: 200", "2m0s cseq 4 expires 0: 200")
	})
}

// TestBrokenConnection: a failed probe over TCP means that the registration's
// connection is gone; over UDP one packet was lost.
func TestBrokenConnection(t *testing.T) {
	for transport, want := range map[string][]string{
		"tcp": {"0s cseq 1 expires 3600: 401", "0s cseq 2 expires 3600: 200", "30s cseq 3 expires 3600: 200", "50s cseq 4 expires 0: 200"},
		"udp": {"0s cseq 1 expires 3600: 401", "0s cseq 2 expires 3600: 200", "50s cseq 3 expires 0: 200"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFar()
			f.options = func() error {
				if d := time.Since(f.start); d >= 30*time.Second && d < 31*time.Second {
					return errUnreachable
				}
				return nil
			}
			p := provider()
			p.Hostname, p.Probe = "carrier.example.com;transport="+transport, 30*time.Second
			run(t, f, p, 50*time.Second, nil)
			wantLadder(t, transport, f.ladder, want...)
		})
	}
}

func TestUsable(t *testing.T) {
	tests := []struct {
		r    Registration
		h    Health
		want bool
	}{
		{Off, Unknown, true},
		{Off, Healthy, true},
		{Off, Unhealthy, false},
		{Registered, Unknown, true},
		{Registered, Unhealthy, false},
		{Trying, Healthy, false},
		{Refused, Healthy, false},
	}
	for _, test := range tests {
		if got := (State{Registration: test.r, Health: test.h}).Usable(); got != test.want {
			t.Errorf("%s %s: %v", test.r, test.h, got)
		}
	}
}

func TestTarget(t *testing.T) {
	tests := []struct{ hostname, domain, target, from string }{
		{"sip.example.com", "", "sip:sip.example.com", "sip:acme@sip.example.com"},
		{"192.0.2.1:5090;transport=tcp", "", "sip:192.0.2.1:5090", "sip:acme@192.0.2.1"},
		{"[2001:db8::1]:5070", "", "sip:[2001:db8::1]:5070", "sip:acme@[2001:db8::1]"},
		{"192.0.2.1", "example.com", "sip:example.com", "sip:acme@example.com"},
	}
	for _, test := range tests {
		p := provider()
		p.Hostname, p.Domain = test.hostname, test.domain
		req := New(newFar(), p, Options{}).request(sipmsg.REGISTER)
		if got := req.Recipient.String(); got != test.target {
			t.Errorf("%s: target %s, want %s", test.hostname, got, test.target)
		}
		if got := req.From().Address.String(); got != test.from || req.To().Address.String() != test.from {
			t.Errorf("%s: from %s, want %s", test.hostname, got, test.from)
		}
	}
}
