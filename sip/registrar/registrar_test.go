package registrar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"offhook/sip/digest"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
)

// phone sends REGISTER requests to a registrar as one user.
type phone struct {
	t      *testing.T
	r      *Registrar
	client *digest.Client
	user   string
	source string
	callID string
	cseq   uint32
}

// memory is a store that can be made to fail.
type memory struct {
	saved map[string][]Contact
	fail  error
}

func (m *memory) Save(_ context.Context, aor string, contacts []Contact) error {
	if m.fail != nil {
		return m.fail
	}
	m.saved[aor] = contacts
	return nil
}

func (m *memory) Load(context.Context) ([]Contact, error) {
	var out []Contact
	for _, list := range m.saved {
		out = append(out, list...)
	}
	return out, m.fail
}

func lookup(user, domain string) (Account, bool) {
	if domain != "pbx.example.com" || (user != "1001" && user != "1002") {
		return Account{}, false
	}
	return Account{CustomerID: "acme", ExtensionID: "ext-" + user, AOR: "acme/" + user, Secret: digest.Secret{Password: "pw" + user}}, true
}

func newRegistrar(options Options) *Registrar {
	options.Auth = digest.NewServer(digest.ServerOptions{Realm: "pbx.example.com", NonceLife: 24 * time.Hour})
	options.Lookup = lookup
	options.Logger = slog.New(slog.DiscardHandler)
	return New(options)
}

func newPhone(t *testing.T, r *Registrar, user string) *phone {
	return &phone{
		t: t, r: r, user: user, client: digest.NewClient(user, "pw"+user),
		source: "198.51.100.7:5060", callID: "call-" + user,
	}
}

// answer is a Responder that keeps the response.
type answer struct{ res *sipmsg.Response }

func (a *answer) Respond(res *sipmsg.Response) error {
	a.res = res
	return nil
}

// message builds a REGISTER by parsing, as the network does.
func (p *phone) message(headers ...string) *sipmsg.Request {
	p.t.Helper()
	p.cseq++
	text := strings.Join(append([]string{
		"REGISTER sip:pbx.example.com SIP/2.0",
		"Via: SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bK" + fmt.Sprint(p.cseq),
		"From: <sip:" + p.user + "@pbx.example.com>;tag=a", "To: <sip:" + p.user + "@pbx.example.com>",
		"Call-ID: " + p.callID, fmt.Sprintf("CSeq: %d REGISTER", p.cseq), "Content-Length: 0",
	}, headers...), "\r\n") + "\r\n\r\n"
	m, err := sipmsg.ParseMessage([]byte(text))
	if err != nil {
		p.t.Fatal(err)
	}
	m.SetSource(p.source)
	return m.(*sipmsg.Request)
}

func (p *phone) handle(req *sipmsg.Request) *sipmsg.Response {
	var a answer
	p.r.Handle(req, &a)
	return a.res
}

// send registers with credentials and returns the answer after the challenge.
func (p *phone) send(headers ...string) *sipmsg.Response {
	p.t.Helper()
	req := p.message(headers...)
	p.client.Apply(req)
	res := p.handle(req)
	if res.StatusCode != 401 {
		return res
	}
	next, err := p.client.Authorize(req, res)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cseq = next.CSeq().SeqNo
	next.PrependHeader(req.Via())
	next.SetSource(p.source)
	return p.handle(next)
}

// listed are the Contact headers of a response.
func listed(res *sipmsg.Response) []string {
	var out []string
	for _, h := range res.GetHeaders("Contact") {
		out = append(out, h.Value())
	}
	return out
}

func (p *phone) want(res *sipmsg.Response, status int, contacts ...string) {
	p.t.Helper()
	if res.StatusCode != status {
		p.t.Errorf("status %d %s, want %d", res.StatusCode, res.Reason, status)
	}
	if diff := cmp.Diff(contacts, listed(res)); diff != "" {
		p.t.Error(diff)
	}
}

func TestRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone(t, newRegistrar(Options{}), "1001")
		p.want(p.send(), 200)
		p.want(p.send("Contact: <sip:1001@198.51.100.7>", "Expires: 600"), 200, "<sip:1001@198.51.100.7>;expires=600")
		time.Sleep(100 * time.Second)
		p.want(p.send("Contact: <sip:1001@198.51.100.7:5070>;q=0.5;expires=120"), 200,
			"<sip:1001@198.51.100.7>;expires=500", "<sip:1001@198.51.100.7:5070>;expires=120;q=0.5")
		p.want(p.send(), 200, "<sip:1001@198.51.100.7>;expires=500", "<sip:1001@198.51.100.7:5070>;expires=120;q=0.5")
		p.want(p.send("Contact: <sip:1001@198.51.100.7>;expires=0"), 200, "<sip:1001@198.51.100.7:5070>;expires=120;q=0.5")
		p.want(p.send("Contact: <sip:nobody@198.51.100.7>;expires=0"), 200, "<sip:1001@198.51.100.7:5070>;expires=120;q=0.5")
		time.Sleep(119*time.Second + time.Millisecond)
		p.want(p.send(), 200, "<sip:1001@198.51.100.7:5070>;expires=1;q=0.5")
		time.Sleep(time.Second)
		p.want(p.send(), 200)
	})
}

func TestExpires(t *testing.T) {
	const contact = "Contact: <sip:1001@198.51.100.7>"
	tests := []struct {
		name    string
		headers []string
		status  int
		granted string
	}{
		{"neither", []string{contact}, 200, "3600"},
		{"header", []string{contact, "Expires: 90"}, 200, "90"},
		{"parameter before header", []string{contact + ";expires=100", "Expires: 90"}, 200, "100"},
		{"too long", []string{contact, "Expires: 7200"}, 200, "3600"},
		{"beyond 32 bits", []string{contact, "Expires: 99999999999999999999"}, 200, "3600"},
		{"malformed header", []string{contact, "Expires: soon"}, 200, "3600"},
		{"malformed parameter", []string{contact + ";expires=-1", "Expires: 90"}, 200, "3600"},
		{"the least", []string{contact, "Expires: 60"}, 200, "60"},
		{"too short", []string{contact, "Expires: 59"}, 423, ""},
		{"one of two too short", []string{contact, contact + "1;expires=1"}, 423, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPhone(t, newRegistrar(Options{}), "1001")
			res := p.send(test.headers...)
			if res.StatusCode != test.status {
				t.Fatalf("status %d", res.StatusCode)
			}
			if test.status == 423 {
				if h := res.GetHeader("Min-Expires"); h == nil || h.Value() != "60" {
					t.Errorf("Min-Expires is %v", h)
				}
				p.want(p.send(), 200)
				return
			}
			p.want(res, 200, "<sip:1001@198.51.100.7>;expires="+test.granted)
		})
	}
}

func TestWildcard(t *testing.T) {
	p := newPhone(t, newRegistrar(Options{}), "1001")
	p.send("Contact: <sip:a@198.51.100.7>, <sip:b@198.51.100.7>;expires=600")
	for name, headers := range map[string][]string{
		"without Expires":      {"Contact: *"},
		"with Expires above 0": {"Contact: *", "Expires: 10"},
		"malformed Expires":    {"Contact: *", "Expires: x"},
		"with another contact": {"Contact: *", "Contact: <sip:a@198.51.100.7>", "Expires: 0"},
	} {
		if res := p.send(headers...); res.StatusCode != 400 {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	if n := len(p.r.Contacts("acme/1001")); n != 2 {
		t.Fatalf("%d contacts left by refused requests", n)
	}
	p.want(p.send("Contact: *", "Expires: 0"), 200)
	p.want(p.send("Contact: *", "Expires: 0"), 200)
}

func TestOrder(t *testing.T) {
	p := newPhone(t, newRegistrar(Options{}), "1001")
	p.want(p.send("Contact: <sip:a@198.51.100.7>"), 200, "<sip:a@198.51.100.7>;expires=3600")
	late := *p
	late.cseq -= 2
	if res := late.send("Contact: <sip:a@198.51.100.7>;expires=0"); res.StatusCode != 500 {
		t.Errorf("an overtaken unregister: %d", res.StatusCode)
	}
	late.cseq -= 2
	if res := late.send("Contact: *", "Expires: 0"); res.StatusCode != 500 {
		t.Errorf("an overtaken wildcard: %d", res.StatusCode)
	}
	reborn := *p
	reborn.cseq, reborn.callID = 0, "another"
	reborn.want(reborn.send("Contact: <sip:a@198.51.100.7>;expires=70"), 200, "<sip:a@198.51.100.7>;expires=70")
	twice := "Contact: <sip:b@198.51.100.7>;expires=80, <sip:b@198.51.100.7>;expires=90"
	reborn.want(reborn.send(twice), 200, "<sip:b@198.51.100.7>;expires=90", "<sip:a@198.51.100.7>;expires=70")
}

func TestAuthorization(t *testing.T) {
	var faults []string
	r := newRegistrar(Options{OnFault: func(req *sipmsg.Request, user string, known bool) {
		faults = append(faults, fmt.Sprint(user, " ", known, " ", req.Source()))
	}})
	contact := "Contact: <sip:x@198.51.100.7>"
	stranger, clumsy := newPhone(t, r, "9999"), newPhone(t, r, "1001")
	clumsy.client = digest.NewClient("1001", "wrong")
	a, b := stranger.send(contact), clumsy.send(contact)
	if a.StatusCode != 401 || b.StatusCode != 401 || len(a.GetHeaders("WWW-Authenticate")) != len(b.GetHeaders("WWW-Authenticate")) {
		t.Errorf("unknown user %d, wrong password %d", a.StatusCode, b.StatusCode)
	}
	if diff := cmp.Diff([]string{"9999 false 198.51.100.7:5060", "1001 true 198.51.100.7:5060"}, faults); diff != "" {
		t.Error(diff)
	}
	thief := newPhone(t, r, "1002")
	thief.client = digest.NewClient("1001", "pw1001")
	if res := thief.send(contact); res.StatusCode != 403 {
		t.Errorf("registering another's address: %d", res.StatusCode)
	}
	if r.Len() != 0 {
		t.Errorf("%d bindings", r.Len())
	}
}

func TestNAT(t *testing.T) {
	tests := []struct {
		name, contact, via string
		hop                string
	}{
		{"private address", "<sip:1001@10.0.0.5:5060>", "", "198.51.100.7:5060;transport=udp"},
		{"host name", "<sip:1001@phone.local>", "", "198.51.100.7:5060;transport=udp"},
		{"true address", "<sip:1001@198.51.100.7:5060>", "", ""},
		{"true address, default port", "<sip:1001@198.51.100.7>", "", ""},
		{"other port and rport", "<sip:1001@198.51.100.7:6000>", "", "198.51.100.7:5060;transport=udp"},
		{"other port without rport", "<sip:1001@198.51.100.7:6000>", "UDP 198.51.100.7:6000", ""},
		{"connection", "<sip:1001@198.51.100.7:5060;transport=tcp>", "TCP 198.51.100.7", "198.51.100.7:5060;transport=tcp"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPhone(t, newRegistrar(Options{}), "1001")
			p.send()
			req := p.message("Contact: " + test.contact)
			if test.via != "" {
				via, host, _ := strings.Cut(test.via, " ")
				req.Via().Transport, req.Via().Host, req.Via().Params = via, host, sipmsg.NewParams()
			}
			p.client.Apply(req)
			if res := p.handle(req); res.StatusCode != 200 {
				t.Fatalf("status %d", res.StatusCode)
			}
			c := p.r.Contacts("acme/1001")[0]
			if c.NextHop() != test.hop {
				t.Errorf("next hop %q, want %q", c.NextHop(), test.hop)
			}
			if target, err := c.Target(); err != nil || "<"+target.String()+">" != test.contact {
				t.Errorf("target %v %v", target.String(), err)
			}
		})
	}
}

func TestContactDetails(t *testing.T) {
	p := newPhone(t, newRegistrar(Options{}), "1001")
	res := p.send(`Contact: "Al, <ice>" <sip:1001@10.0.0.5;transport=udp?Route=%3Csip:evil%3E>;+sip.instance="<urn:uuid:1>";reg-id=1;expires=600`,
		"Path: <sip:edge.example.com;lr>", "User-Agent: Desk 9", "Supported: path, outbound, gruu")
	p.want(res, 200, `<sip:1001@10.0.0.5;transport=udp>;expires=600;+sip.instance="<urn:uuid:1>";reg-id=1`)
	if h := res.GetHeader("Path"); h == nil || h.Value() != "<sip:edge.example.com;lr>" {
		t.Errorf("Path %v", h)
	}
	c := p.r.Contacts("acme/1001")[0]
	if c.UserAgent != "Desk 9" || c.ExtensionID != "ext-1001" || c.CustomerID != "acme" || c.NextHop() != "" {
		t.Errorf("contact %+v", c)
	}
	// The same device from elsewhere takes its own place.
	p.source = "203.0.113.4:33000"
	res = p.send(`Contact: <sip:1001@10.9.9.9>;+sip.instance="<urn:uuid:1>";reg-id=1`)
	p.want(res, 200, `<sip:1001@10.9.9.9>;expires=3600;+sip.instance="<urn:uuid:1>";reg-id=1`)
	if !p.r.Knows(netip.MustParseAddr("203.0.113.4")) || p.r.Knows(netip.MustParseAddr("198.51.100.7")) {
		t.Error("known sources do not follow the binding")
	}
	for _, contact := range []string{"<tel:+15551234>", "<mailto:a@b>"} {
		if res := p.send("Contact: " + contact); res.StatusCode != 400 {
			t.Errorf("%s: %d", contact, res.StatusCode)
		}
	}
}

func TestMaxContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone(t, newRegistrar(Options{MaxContacts: 2}), "1001")
		for _, user := range []string{"a", "b", "c"} {
			p.send("Contact: <sip:" + user + "@198.51.100.7>")
			time.Sleep(time.Second)
		}
		p.want(p.send(), 200, "<sip:c@198.51.100.7>;expires=3599", "<sip:b@198.51.100.7>;expires=3598")
	})
}

// TestExpiryTellsAndSurvivesRestart runs hours of bindings in virtual time.
func TestExpiryTellsAndSurvivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var events []string
		store := &memory{saved: map[string][]Contact{}}
		options := Options{Store: store, OnChange: func(aor string, list []Contact) {
			events = append(events, fmt.Sprintf("%v %s %d", time.Since(start), aor, len(list)))
		}}
		run := func(r *Registrar, d time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			r.Run(ctx)
		}
		first := newRegistrar(options)
		p, q := newPhone(t, first, "1001"), newPhone(t, first, "1002")
		p.send("Contact: <sip:a@198.51.100.7>;expires=600, <sip:b@198.51.100.7>;expires=60")
		q.send("Contact: <sip:c@198.51.100.7>;expires=120")
		run(first, 90*time.Second)
		q.send("Contact: <sip:c@198.51.100.7>;expires=120") // a refresh
		run(first, 10*time.Second)

		second := newRegistrar(options)
		if err := second.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := second.Len(); n != 2 {
			t.Fatalf("%d bindings restored", n)
		}
		run(second, time.Hour)
		want := []string{
			"0s acme/1001 2", "0s acme/1002 1", "1m0s acme/1001 1", "3m30s acme/1002 0", "10m0s acme/1001 0",
		}
		if diff := cmp.Diff(want, events); diff != "" {
			t.Error(diff)
		}
		if n := len(store.saved["acme/1001"]) + len(store.saved["acme/1002"]); n != 0 || second.Len() != 0 {
			t.Errorf("%d contacts stay in the store, %d in memory", n, second.Len())
		}
	})
}

func TestRunLooksEarlierForAShorterBinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended time.Duration
		start := time.Now()
		r := newRegistrar(Options{OnChange: func(_ string, list []Contact) {
			if len(list) == 1 && ended == 0 && time.Since(start) > 0 {
				ended = time.Since(start)
			}
		}})
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)
		p := newPhone(t, r, "1001")
		p.send("Contact: <sip:a@198.51.100.7>;expires=3600")
		synctest.Wait()
		p.send("Contact: <sip:b@198.51.100.7>;expires=60")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if ended != time.Minute {
			t.Errorf("shorter binding ended after %v", ended)
		}
		cancel()
		synctest.Wait()
	})
}

func TestStoreFailureChangesNothing(t *testing.T) {
	store := &memory{saved: map[string][]Contact{}}
	p := newPhone(t, newRegistrar(Options{Store: store}), "1001")
	p.send("Contact: <sip:a@198.51.100.7>")
	store.fail = errors.New("disk full")
	if res := p.send("Contact: <sip:b@198.51.100.7>"); res.StatusCode != 500 {
		t.Errorf("status %d", res.StatusCode)
	}
	if err := p.r.Remove(t.Context(), "acme/1001"); err == nil {
		t.Error("removal did not fail")
	}
	store.fail = nil
	p.want(p.send(), 200, "<sip:a@198.51.100.7>;expires=3600")
	if err := p.r.Remove(t.Context(), "acme/1001"); err != nil || len(p.r.Contacts("acme/1001")) != 0 {
		t.Errorf("removal: %v", err)
	}
}

func TestSameURI(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com;newparam=4", "sip:carol@chicago.com;newparam=5", false},
		{"sip:ALICE@AtLanTa.CoM", "sip:alice@atlanta.com", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sips:bob@biloxi.com", "sip:bob@biloxi.com", false},
	}
	for _, test := range tests {
		var a, b sipmsg.Uri
		if err := errors.Join(sipmsg.ParseUri(test.a, &a), sipmsg.ParseUri(test.b, &b)); err != nil {
			t.Fatal(err)
		}
		if sameURI(&a, &b) != test.want || sameURI(&b, &a) != test.want {
			t.Errorf("%s and %s: want %v", test.a, test.b, test.want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	r := newRegistrar(Options{MaxContacts: 100})
	done := make(chan struct{})
	for i := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			p := newPhone(t, r, []string{"1001", "1002"}[i%2])
			p.callID = fmt.Sprint("call-", i)
			for j := range 20 {
				p.send(fmt.Sprintf("Contact: <sip:%d-%d@198.51.100.7>", i, j))
				r.Contacts("acme/1001")
			}
		}()
	}
	for range 8 {
		<-done
	}
	contacts := slices.Concat(r.Contacts("acme/1001"), r.Contacts("acme/1002"))
	if len(contacts) != 160 {
		t.Errorf("%d contacts, want 160", len(contacts))
	}
}

// TestTortureMessages are the REGISTER requests of RFC 4475 that conform lets
// pass, from strangers and with credentials.
func TestTortureMessages(t *testing.T) {
	everybody := func(user, _ string) (Account, bool) {
		return Account{AOR: "one for all", Secret: digest.Secret{Password: "pw"}}, user != ""
	}
	for name, want := range map[string][]string{
		"escnull":  {"200", "<sip:%00@host5.example.com>;expires=3600", "<sip:%00%00@host5.example.com>;expires=3600"},
		"dblreq":   {"200", "<sip:j.user@host.example.com>;expires=3600"},
		"regbadct": {"200", "<sip:user@example.com>;expires=3600"},
		"regescrt": {"200", "<sip:user@example.com>;expires=3600"},
		"cparam01": {"200", "<sip:+19725552222@gw1.example.net>;expires=3600"},
		"cparam02": {"200", "<sip:+19725552222@gw1.example.net;unknownparam>;expires=3600"},
		"unksm2":   {"403"},
		"regaut01": {"200"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistrar(Options{})
			r.options.Lookup = everybody
			data, err := os.ReadFile("../../testdata/rfc4475/" + name + ".dat")
			if err != nil {
				t.Fatal(err)
			}
			m, err := sipmsg.ParseMessage(data)
			if err != nil {
				t.Fatal(err)
			}
			req := m.(*sipmsg.Request)
			p := newPhone(t, r, req.To().Address.User)
			req.SetSource(p.source)
			if res := p.handle(req); res.StatusCode != 401 {
				t.Errorf("without credentials: %d", res.StatusCode)
			}
			next, err := digest.Authorize(req, p.handle(req), "anybody", "pw")
			if err != nil {
				t.Fatal(err)
			}
			next.PrependHeader(req.Via())
			next.SetSource(p.source)
			res := p.handle(next)
			if diff := cmp.Diff(want, append([]string{fmt.Sprint(res.StatusCode)}, listed(res)...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
