package registrar

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Contact is one place where an address of record can be reached, as it was
// registered. It is a plain value that a store can keep as JSON.
type Contact struct {
	AOR         string         `json:"aor"`
	CustomerID  string         `json:"customer_id"`
	ExtensionID string         `json:"extension_id"`
	URI         string         `json:"uri"`            // the Contact's URI: the target of requests
	Source      netip.AddrPort `json:"source"`         // where the REGISTER came from
	Transport   string         `json:"transport"`      // udp, tcp, tls, ws or wss
	Received    bool           `json:"received"`       // behind NAT or on a connection: reached at Source, not at URI
	Path        []string       `json:"path,omitempty"` // proxies to pass, nearest first (RFC 3327)
	Q           float64        `json:"q"`              // preference, 0 to 1
	Expires     time.Time      `json:"expires"`        // when the binding ends
	UserAgent   string         `json:"user_agent"`     // of the phone
	Instance    string         `json:"instance"`       // +sip.instance, RFC 5626; identifies the device
	RegID       string         `json:"reg_id"`         // reg-id, RFC 5626
	CallID      string         `json:"call_id"`        // of the last REGISTER
	CSeq        uint32         `json:"cseq"`           // of the last REGISTER
	Registered  time.Time      `json:"registered"`     // when the binding was first made
}

// Target returns the request URI for a request to the contact.
func (c Contact) Target() (sipmsg.Uri, error) {
	var uri sipmsg.Uri
	err := sipmsg.ParseUri(c.URI, &uri)
	return uri, err
}

// NextHop returns where to send requests for the contact, as
// "host:port;transport=udp": its source when it sits behind NAT or on a
// connection that it opened. It is empty when the way follows from the request
// itself: by Path as Route headers, or by the target URI.
func (c Contact) NextHop() string {
	if len(c.Path) > 0 || !c.Received {
		return ""
	}
	return c.Source.String() + ";transport=" + c.Transport
}

// remaining is the rest of the binding in whole seconds, at least 1 while it
// lasts.
func (c Contact) remaining(now time.Time) int {
	return int((c.Expires.Sub(now) + time.Second - 1) / time.Second)
}

// header is the contact as a 200 lists it (RFC 3261 section 10.3 step 8).
func (c Contact) header(now time.Time) sipmsg.Header {
	value := "<" + c.URI + ">;expires=" + strconv.Itoa(c.remaining(now))
	if c.Q != 1 {
		value += ";q=" + strconv.FormatFloat(c.Q, 'g', 3, 64)
	}
	if c.Instance != "" {
		value += `;+sip.instance="` + c.Instance + `"`
	}
	if c.RegID != "" {
		value += ";reg-id=" + c.RegID
	}
	return sipmsg.NewHeader("Contact", value)
}

// sameBinding tells whether a new contact takes the place of an old one: the
// same device (RFC 5626 section 6), or an equal URI (RFC 3261 section 10.3).
func sameBinding(old, next Contact) bool {
	if next.Instance != "" && next.Instance == old.Instance && next.RegID == old.RegID {
		return true
	}
	a, errA := old.Target()
	b, errB := next.Target()
	return errA == nil && errB == nil && sameURI(&a, &b)
}

// sameURI is the comparison of RFC 3261 section 19.1.4, without headers, which
// contacts are stored without.
func sameURI(a, b *sipmsg.Uri) bool {
	if a.Scheme != b.Scheme || unescape(a.User) != unescape(b.User) || a.Password != b.Password ||
		!strings.EqualFold(a.Host, b.Host) || a.Port != b.Port {
		return false
	}
	inA, inB := parameters(a), parameters(b)
	for _, key := range []string{"user", "ttl", "method", "maddr", "transport"} {
		_, a := inA[key]
		if _, b := inB[key]; a != b {
			return false
		}
	}
	for key, value := range inA {
		if other, both := inB[key]; both && !strings.EqualFold(value, other) {
			return false
		}
	}
	return true
}

// parameters returns a URI's parameters under lower-case names.
func parameters(uri *sipmsg.Uri) map[string]string {
	out := make(map[string]string, len(uri.UriParams))
	for _, p := range uri.UriParams {
		out[strings.ToLower(p.K)] = p.V
	}
	return out
}

// unescape resolves %XX in a user part; malformed escapes stay as they are.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// byPreference orders contacts: higher q first, then the newer binding.
func byPreference(contacts []Contact) {
	slices.SortStableFunc(contacts, func(a, b Contact) int {
		return cmp.Or(cmp.Compare(b.Q, a.Q), b.Registered.Compare(a.Registered))
	})
}
