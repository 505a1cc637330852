package digest

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	icholy "github.com/icholy/digest"
)

// Result is the outcome of a check.
type Result int

const (
	// Missing: no credentials for this realm. Challenge.
	Missing Result = iota
	// Accepted: the user is who it says.
	Accepted
	// Stale: the password is right, the nonce is old or its count was used.
	// Challenge again with stale.
	Stale
	// Rejected: wrong password, unknown user or malformed credentials; these
	// are not told apart. Challenge again or refuse, and count the fault.
	Rejected
)

// String names the result for logs and metrics.
func (r Result) String() string {
	return [...]string{"missing", "accepted", "stale", "rejected"}[r]
}

// ServerOptions configures a Server.
type ServerOptions struct {
	Realm      string           // shown to the user and part of every hash; empty: "offhook"
	NonceLife  time.Duration    // how long a nonce may be reused; zero: 5 minutes
	MaxNonces  int              // nonces in use at the same time; zero: 100,000
	Algorithms []string         // spoken, in the order offered; nil: MD5, SHA-256
	Now        func() time.Time // nil: time.Now
}

// Server challenges and checks requests. It is safe for concurrent use and
// never blocks.
type Server struct {
	options ServerOptions
	nonces  *nonces
	nobody  Secret // checked in place of an unknown user
}

// NewServer returns a server with a signing key of its own: nonces made by an
// earlier process are stale.
func NewServer(options ServerOptions) *Server {
	if options.Realm == "" {
		options.Realm = "offhook" // some phones take an empty realm for none
	}
	if options.NonceLife <= 0 {
		options.NonceLife = 5 * time.Minute
	}
	if options.MaxNonces <= 0 {
		options.MaxNonces = 100_000
	}
	if options.Algorithms == nil {
		options.Algorithms = []string{MD5, SHA256}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Server{
		options: options,
		nonces:  newNonces(options.NonceLife, options.MaxNonces, options.Now),
		nobody:  Secret{Password: rand.Text()},
	}
}

// Realm returns the realm that A1 hashes have to be made for.
func (s *Server) Realm() string { return s.options.Realm }

// Challenge is ChallengeFor a sender of whom nothing is known: it offers only
// the first algorithm, which with the default everybody can answer.
func (s *Server) Challenge(code int, stale bool) []sipmsg.Header {
	return s.challenge(s.options.Algorithms[:1], code, stale)
}

// ChallengeFor returns the headers of the 401 (WWW-Authenticate) or 407
// (Proxy-Authenticate) to req, one for each algorithm, with a new nonce.
//
// MD5 comes first by default, against the advice of RFC 8760 section 2.4:
// clients that know only MD5 are many, and some of them (sipp up to 3.6) look at
// the first challenge alone. A client that takes no MD5 finds SHA-256 below.
func (s *Server) ChallengeFor(req *sipmsg.Request, code int, stale bool) []sipmsg.Header {
	if h := req.GetHeader("User-Agent"); h != nil && knowsOneOnly(h.Value()) {
		return s.Challenge(code, stale)
	}
	return s.challenge(s.options.Algorithms, code, stale)
}

func (s *Server) challenge(algorithms []string, code int, stale bool) []sipmsg.Header {
	name := "WWW-Authenticate"
	if code == sipmsg.StatusProxyAuthRequired {
		name = "Proxy-Authenticate"
	}
	nonce := s.nonces.make()
	var out []sipmsg.Header
	for _, algorithm := range algorithms {
		c := icholy.Challenge{
			Realm: s.options.Realm, Nonce: nonce, Stale: stale, Algorithm: algorithm, QOP: []string{"auth"},
		}
		out = append(out, sipmsg.NewHeader(name, c.String()))
	}
	return out
}

// knowsOneOnly tells of user agents that give up altogether when any of several
// challenges has an algorithm that they do not know: baresip before 3.12.
func knowsOneOnly(agent string) bool {
	var major, minor int
	if n, _ := fmt.Sscanf(agent, "baresip v%d.%d", &major, &minor); n != 2 {
		return false
	}
	return major < 3 || major == 3 && minor < 12
}

// Check verifies the request's credentials for this realm, in Authorization or
// Proxy-Authorization. lookup gives a user's secret; it is called at most once
// and an unknown user costs the same work as a wrong password. user is what the
// credentials claim, also when they are rejected, and empty for Missing.
//
// The URI in the credentials must name the request's target by host, and by user
// if it has one (sipp and some gateways write the server's address alone): else a response that a phone was lured into could be used to call elsewhere
// (RFC 3261 section 22.4, RFC 7616 section 3.4.6).
func (s *Server) Check(req *sipmsg.Request, lookup func(user string) (Secret, bool)) (user string, result Result) {
	cred, found := s.credentials(req)
	if !found {
		return "", Missing
	}
	secret, known := lookup(cred.Username)
	if !known {
		secret = s.nobody
	}
	algorithm := canonical(cred.Algorithm)
	want := response(cred, string(req.Method), secret.a1(algorithm, cred.Username, s.options.Realm))
	right := len(want) > 0 && subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(cred.Response))) == 1
	switch {
	case !known || !right || !sameTarget(cred.URI, &req.Recipient):
		return cred.Username, Rejected
	case !s.nonces.spend(cred.Nonce, uint64(max(cred.Nc, 0))):
		return cred.Username, Stale
	}
	return cred.Username, Accepted
}

// credentials returns the first ones for our realm in an algorithm of ours.
// Malformed ones are returned as far as they could be read, to be rejected.
func (s *Server) credentials(req *sipmsg.Request) (*icholy.Credentials, bool) {
	headers := slices.Concat(req.GetHeaders("Authorization"), req.GetHeaders("Proxy-Authorization"))
	for _, h := range headers {
		if !icholy.IsDigest(h.Value()) {
			continue
		}
		cred, err := icholy.ParseCredentials(h.Value())
		if err != nil {
			return &icholy.Credentials{}, true
		}
		if cred.Realm == s.options.Realm && slices.Contains(s.options.Algorithms, canonical(cred.Algorithm)) {
			return cred, true
		}
	}
	return nil, false
}

// response computes what the credentials must prove; empty when it cannot be.
func response(cred *icholy.Credentials, method, a1 string) string {
	chal := &icholy.Challenge{Realm: cred.Realm, Nonce: cred.Nonce, Algorithm: cred.Algorithm}
	switch {
	case cred.QOP == "auth" && cred.Nc > 0 && cred.Cnonce != "":
		chal.QOP = []string{cred.QOP}
	case cred.QOP != "":
		return ""
	default:
		// RFC 2617 section 3.2.2.1, for phones that do not know qop. Such
		// a nonce is good for one request.
		cred.Nc = 0
	}
	if a1 == "" || cred.Nonce == "" || cred.Username == "" {
		return ""
	}
	made, err := icholy.Digest(chal, icholy.Options{
		Method: method, URI: cred.URI, Count: cred.Nc, Username: cred.Username, A1: a1, Cnonce: cred.Cnonce,
	})
	if err != nil {
		return ""
	}
	return made.Response
}

// sameTarget compares user, host and port; parameters differ between phones.
func sameTarget(claimed string, target *sipmsg.Uri) bool {
	var uri sipmsg.Uri
	if err := sipmsg.ParseUri(claimed, &uri); err != nil {
		return false
	}
	if uri.Raw() != "" || target.Raw() != "" {
		return uri.Scheme == target.Scheme && uri.Raw() == target.Raw()
	}
	return (uri.User == "" || uri.User == target.User) && strings.EqualFold(uri.Host, target.Host) && port(&uri) == port(target)
}

func port(uri *sipmsg.Uri) string {
	switch {
	case uri.Port != 0:
		return strconv.Itoa(uri.Port)
	case uri.IsEncrypted():
		return "5061"
	}
	return "5060"
}
