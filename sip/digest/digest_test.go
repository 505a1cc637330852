package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	icholy "github.com/icholy/digest"
)

const realm = "offhook.example.com"

// clock is a time that only the test moves.
type clock struct{ now time.Time }

func newServer() (*Server, *clock) {
	c := &clock{now: time.Unix(1_700_000_000, 0)}
	return NewServer(ServerOptions{Realm: realm, Now: func() time.Time { return c.now }}), c
}

func lookup(user string) (Secret, bool) {
	return Secret{Password: "secret"}, user == "1001"
}

func register(t testing.TB) *sipmsg.Request {
	t.Helper()
	var uri sipmsg.Uri
	if err := sipmsg.ParseUri("sip:offhook.example.com", &uri); err != nil {
		t.Fatal(err)
	}
	req := sipmsg.NewRequest(sipmsg.REGISTER, uri)
	req.AppendHeader(&sipmsg.ViaHeader{Host: "192.0.2.1"})
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: 1, MethodName: sipmsg.REGISTER})
	return req
}

func challenged(s *Server, code int, stale bool) *sipmsg.Response {
	res := sipmsg.NewResponse(code, "")
	strongestFirst := slices.Clone(s.options.Algorithms)
	slices.Reverse(strongestFirst)
	for _, h := range s.challenge(strongestFirst, code, stale) {
		res.AppendHeader(h)
	}
	return res
}

func authorized(t testing.TB, s *Server, c *Client) *sipmsg.Request {
	t.Helper()
	req, err := c.Authorize(register(t), challenged(s, 401, false))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestVectors are the examples of RFC 7616 section 3.9.1.
func TestVectors(t *testing.T) {
	for algorithm, want := range map[string]string{
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		cred := &icholy.Credentials{
			Username: "Mufasa", Realm: "http-auth@example.org", URI: "/dir/index.html", Algorithm: algorithm,
			Nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", Nc: 1, QOP: "auth",
			Cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
		}
		if got := response(cred, "GET", A1(algorithm, cred.Username, cred.Realm, "Circle of Life")); got != want {
			t.Errorf("%s: %s, want %s", algorithm, got, want)
		}
	}
}

var elsewhere = NewServer(ServerOptions{Realm: "elsewhere"})

// checks are what a client that knows the password may send, after an edit.
var checks = []struct {
	name   string
	client *Client
	edit   func(t testing.TB, s *Server, c *clock, req *sipmsg.Request) *sipmsg.Request
	want   Result
	user   string
}{
	{"right", NewClient("1001", "secret"), nil, Accepted, "1001"},
	{"wrong password", NewClient("1001", "Secret"), nil, Rejected, "1001"},
	{"empty password", NewClient("1001", ""), nil, Rejected, "1001"},
	{"unknown user", NewClient("2002", "secret"), nil, Rejected, "2002"},
	{"no credentials", nil, func(t testing.TB, _ *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		req.RemoveHeader("Authorization")
		return req
	}, Missing, ""},
	{"another realm", nil, func(t testing.TB, _ *Server, _ *clock, _ *sipmsg.Request) *sipmsg.Request {
		req, _ := Authorize(register(t), challenged(elsewhere, 401, false), "1001", "secret")
		return req
	}, Missing, ""},
	{"old nonce", nil, func(t testing.TB, _ *Server, c *clock, req *sipmsg.Request) *sipmsg.Request {
		c.now = c.now.Add(5*time.Minute + time.Second)
		return req
	}, Stale, "1001"},
	{"nonce before its end", nil, func(t testing.TB, _ *Server, c *clock, req *sipmsg.Request) *sipmsg.Request {
		c.now = c.now.Add(5 * time.Minute)
		return req
	}, Accepted, "1001"},
	{"nonce of an earlier process", nil, func(t testing.TB, s *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		rebooted, _ := newServer()
		return authorized(t, rebooted, NewClient("1001", "secret"))
	}, Stale, "1001"},
	{"invented nonce and wrong password", nil, func(t testing.TB, _ *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		rebooted, _ := newServer()
		return authorized(t, rebooted, NewClient("1001", "x"))
	}, Rejected, "1001"},
	{"another method", nil, func(t testing.TB, _ *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		req.Method = sipmsg.INVITE
		return req
	}, Rejected, "1001"},
	{"another host", nil, func(t testing.TB, _ *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		req.Recipient.Host = "elsewhere.example.com"
		return req
	}, Rejected, "1001"},
	{"the server in place of the target", nil, func(t testing.TB, _ *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		req.Recipient.User = "900123"
		return req
	}, Accepted, "1001"},
	{"another user", nil, func(t testing.TB, s *Server, _ *clock, _ *sipmsg.Request) *sipmsg.Request {
		req := register(t)
		req.Recipient.User = "100"
		req, _ = Authorize(req, challenged(s, 401, false), "1001", "secret")
		req.Recipient.User = "900123"
		return req
	}, Rejected, "1001"},
	{"the target's default port", nil, func(t testing.TB, _ *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		req.Recipient.Port = 5060
		return req
	}, Accepted, "1001"},
	{"malformed", nil, func(t testing.TB, _ *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		req.ReplaceHeader(sipmsg.NewHeader("Authorization", `Digest username="1001`))
		return req
	}, Rejected, ""},
	{"basic", nil, func(t testing.TB, _ *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		req.ReplaceHeader(sipmsg.NewHeader("Authorization", "Basic MTAwMTpzZWNyZXQ="))
		return req
	}, Missing, ""},
	{"count zero", nil, edit("nc=00000001", "nc=00000000"), Rejected, "1001"},
	{"integrity of the body", nil, edit("qop=auth", "qop=auth-int"), Rejected, "1001"},
	{"algorithm not offered", nil, edit("algorithm=SHA-256", "algorithm=SHA-512-256"), Missing, ""},
}

func TestCheck(t *testing.T) {
	for _, test := range checks {
		t.Run(test.name, func(t *testing.T) {
			s, c := newServer()
			client := test.client
			if client == nil {
				client = NewClient("1001", "secret")
			}
			req := authorized(t, s, client)
			if test.edit != nil {
				req = test.edit(t, s, c, req)
			}
			if user, got := s.Check(req, lookup); got != test.want || user != test.user {
				t.Errorf("%v for %q, want %v for %q", got, user, test.want, test.user)
			}
		})
	}
}

// edit replaces a piece of the Authorization header.
func edit(from, to string) func(testing.TB, *Server, *clock, *sipmsg.Request) *sipmsg.Request {
	return func(_ testing.TB, _ *Server, _ *clock, req *sipmsg.Request) *sipmsg.Request {
		value := req.GetHeader("Authorization").Value()
		req.ReplaceHeader(sipmsg.NewHeader("Authorization", strings.Replace(value, from, to, 1)))
		return req
	}
}

func TestHashesInPlaceOfPasswords(t *testing.T) {
	for _, algorithm := range []string{SHA256, MD5} {
		s := NewServer(ServerOptions{Realm: realm, Algorithms: []string{algorithm}})
		hash := A1(algorithm, "1001", realm, "secret")
		hashes := func(string) (Secret, bool) { return Secret{MD5: hash, SHA256: hash}, true }
		if _, got := s.Check(authorized(t, s, NewClient("1001", "secret")), hashes); got != Accepted {
			t.Errorf("%s: %v", algorithm, got)
		}
		if _, got := s.Check(authorized(t, s, NewClient("1001", "wrong")), hashes); got != Rejected {
			t.Errorf("%s, wrong password: %v", algorithm, got)
		}
	}
	nothing := func(string) (Secret, bool) { return Secret{}, true }
	s, _ := newServer()
	if _, got := s.Check(authorized(t, s, NewClient("1001", "")), nothing); got != Rejected {
		t.Errorf("a user without a secret: %v", got)
	}
}

func TestNonceReuse(t *testing.T) {
	s, _ := newServer()
	client := NewClient("1001", "secret")
	first := authorized(t, s, client)
	var later []*sipmsg.Request
	for range 70 {
		req := register(t)
		client.Apply(req)
		later = append(later, req)
	}
	check := func(what string, req *sipmsg.Request, want Result) {
		t.Helper()
		if _, got := s.Check(req, lookup); got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("first", first, Accepted)
	check("replayed", first, Stale)
	check("third, overtaking", later[1], Accepted)
	check("second", later[0], Accepted)
	check("second replayed", later[0], Stale)
	check("far ahead", later[69], Accepted)
	check("too far behind", later[2], Stale)
	check("just within the window", later[69-63], Accepted)
}

func TestTableIsBoundedWithoutReplay(t *testing.T) {
	c := &clock{now: time.Unix(1_700_000_000, 0)}
	s := NewServer(ServerOptions{Realm: realm, MaxNonces: 3, Now: func() time.Time { return c.now }})
	var old []*sipmsg.Request
	for range 4 {
		req := authorized(t, s, NewClient("1001", "secret"))
		c.now = c.now.Add(time.Second)
		if _, got := s.Check(req, lookup); got != Accepted {
			t.Fatalf("fresh nonce: %v", got)
		}
		old = append(old, req)
	}
	for i, req := range old[:3] {
		if _, got := s.Check(req, lookup); got != Stale {
			t.Errorf("request %d replayed: %v", i, got)
		}
	}
	if n := len(s.nonces.used); n > 3 {
		t.Errorf("%d nonces kept", n)
	}
}

// TestWithoutQop is RFC 2617's compatibility with RFC 2069: one request a nonce.
func TestWithoutQop(t *testing.T) {
	s, _ := newServer()
	chal, err := pick(challenged(s, 401, false).GetHeaders("WWW-Authenticate"))
	if err != nil {
		t.Fatal(err)
	}
	hash := func(text string) string { return fmt.Sprintf("%x", md5.Sum([]byte(text))) }
	proof := hash(hash("1001:"+realm+":secret") + ":" + chal.Nonce + ":" + hash("REGISTER:sip:"+realm))
	req := register(t)
	req.AppendHeader(sipmsg.NewHeader("Authorization", fmt.Sprintf(
		`Digest username="1001", realm="%s", nonce="%s", uri="sip:%s", response="%s"`, realm, chal.Nonce, realm, proof)))
	for i, want := range []Result{Accepted, Stale} {
		if _, got := s.Check(req, lookup); got != want {
			t.Errorf("time %d: %v, want %v", i, got, want)
		}
	}
}

func TestChallenge(t *testing.T) {
	s, _ := newServer()
	from := func(agent string) []sipmsg.Header {
		req := register(t)
		if agent != "" {
			req.AppendHeader(sipmsg.NewHeader("User-Agent", agent))
		}
		return s.ChallengeFor(req, 401, false)
	}
	tests := []struct {
		name       string
		headers    []sipmsg.Header
		header     string
		stale      bool
		algorithms []string
	}{
		{"no agent", from(""), "WWW-Authenticate", false, []string{MD5, SHA256}},
		{"a phone", from("Linphone/5.2"), "WWW-Authenticate", false, []string{MD5, SHA256}},
		{"old baresip", from("baresip v1.0.0 (x86_64/linux)"), "WWW-Authenticate", false, []string{MD5}},
		{"not quite old enough", from("baresip v3.11.0"), "WWW-Authenticate", false, []string{MD5}},
		{"new baresip", from("baresip v3.12.0"), "WWW-Authenticate", false, []string{MD5, SHA256}},
		{"newer baresip", from("baresip v4.0.0"), "WWW-Authenticate", false, []string{MD5, SHA256}},
		{"unknown request", s.Challenge(407, true), "Proxy-Authenticate", true, []string{MD5}},
		{"stale", s.ChallengeFor(register(t), 407, true), "Proxy-Authenticate", true, []string{MD5, SHA256}},
	}
	for _, test := range tests {
		var algorithms []string
		for _, h := range test.headers {
			chal, err := icholy.ParseChallenge(h.Value())
			if err != nil {
				t.Fatal(err)
			}
			algorithms = append(algorithms, chal.Algorithm)
			if h.Name() != test.header || chal.Stale != test.stale || chal.Realm != realm || !chal.SupportsQOP("auth") || chal.Nonce == "" {
				t.Errorf("%s: %s", test.name, h)
			}
		}
		if !slices.Equal(algorithms, test.algorithms) {
			t.Errorf("%s: offered %v, want %v", test.name, algorithms, test.algorithms)
		}
	}
}

func TestClient(t *testing.T) {
	s, _ := newServer()
	req := register(t)
	next, err := Authorize(req, challenged(s, 407, false), "1001", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if next.CSeq().SeqNo != 2 || next.Via() != nil || next.GetHeader("Proxy-Authorization") == nil {
		t.Errorf("next request\n%s", next)
	}
	if req.CSeq().SeqNo != 1 || req.Via() == nil || req.GetHeader("Proxy-Authorization") != nil {
		t.Errorf("the first request was changed\n%s", req)
	}
	if _, err := Authorize(next, challenged(s, 407, false), "1001", "secret"); !errors.Is(err, ErrRefused) {
		t.Errorf("refused credentials are sent again: %v", err)
	}
	again, err := Authorize(next, challenged(s, 407, true), "1001", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(again.GetHeaders("Proxy-Authorization")); n != 1 {
		t.Errorf("%d credentials after a stale nonce", n)
	}
	if _, got := s.Check(again, lookup); got != Accepted {
		t.Errorf("after stale: %v", got)
	}
}

func TestClientPicksWhatItCanAnswer(t *testing.T) {
	tests := []struct {
		name    string
		headers []string
		want    string // algorithm; empty: ErrNoChallenge
	}{
		{"none", nil, ""},
		{"basic", []string{`Basic realm="x"`}, ""},
		{"unknown algorithm", []string{`Digest realm="x", nonce="n", algorithm=AKAv1-MD5`}, ""},
		{"body's hash alone", []string{`Digest realm="x", nonce="n", qop="auth-int"`}, ""},
		{"spaces in qop", []string{`Digest realm="x", nonce="n", qop="auth-int, auth"`}, MD5},
		{"second of two", []string{`Digest realm="x", nonce="n", algorithm=token`, `Digest realm="x",nonce="n",algorithm=SHA-256,qop="auth"`}, SHA256},
		{"no qop", []string{`Digest realm="x", nonce="n"`}, MD5},
		{"malformed", []string{`Digest realm="x`}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res := sipmsg.NewResponse(401, "")
			for _, h := range test.headers {
				res.AppendHeader(sipmsg.NewHeader("WWW-Authenticate", h))
			}
			req, err := Authorize(register(t), res, "u", "p")
			if test.want == "" {
				if !errors.Is(err, ErrNoChallenge) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			cred, err := icholy.ParseCredentials(req.GetHeader("Authorization").Value())
			if err != nil || canonical(cred.Algorithm) != test.want {
				t.Errorf("answered with %+v, %v", cred, err)
			}
		})
	}
}

// TestUnknownUsersCostTheSame compares allocations, which stand for the work:
// a wall clock would not be dependable.
func TestUnknownUsersCostTheSame(t *testing.T) {
	s, _ := newServer()
	measure := func(user string) float64 {
		req := authorized(t, s, NewClient(user, "wrong"))
		return testing.AllocsPerRun(100, func() { s.Check(req, lookup) })
	}
	if known, unknown := measure("1001"), measure("2002"); known != unknown {
		t.Errorf("%v allocations for a known user, %v for an unknown one", known, unknown)
	}
}

func TestA1(t *testing.T) {
	if got, want := A1("sha-256", "u", "r", "p"), fmt.Sprintf("%x", sha256.Sum256([]byte("u:r:p"))); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := A1("SHA-1", "u", "r", "p"); got != "" {
		t.Errorf("unknown algorithm gives %s", got)
	}
}

func FuzzCheck(f *testing.F) {
	s, _ := newServer()
	f.Add(authorized(f, s, NewClient("1001", "secret")).GetHeader("Authorization").Value())
	f.Add(`Digest username="a", nc=ffffffff, qop=auth`)
	f.Fuzz(func(t *testing.T, value string) {
		req := register(t)
		req.AppendHeader(sipmsg.NewHeader("Authorization", value))
		nobody := func(string) (Secret, bool) { return Secret{}, false }
		if _, got := s.Check(req, nobody); got == Accepted || got == Stale {
			t.Errorf("%v for %q", got, value)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	s, _ := newServer()
	req := authorized(b, s, NewClient("1001", "wrong"))
	b.ReportAllocs()
	for b.Loop() {
		s.Check(req, lookup)
	}
}
