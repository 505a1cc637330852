package registrar

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// wishes is what a REGISTER asks for.
type wishes struct {
	contacts []wish
	wildcard bool          // Contact: *
	expires  time.Duration // of the Expires header, or the default
	explicit bool          // there was a readable Expires header
}

// wish is one Contact header.
type wish struct {
	contact Contact
	expires time.Duration // zero removes
}

// fault is a request's own mistake, with the answer to it.
type fault struct {
	status  int
	reason  string
	headers []sipmsg.Header
}

func (f *fault) Error() string { return strconv.Itoa(f.status) + " " + f.reason }

// read takes the wishes out of a request. now is the time that bindings start.
func (r *Registrar) read(req *sipmsg.Request, account Account, now time.Time) (wishes, *fault) {
	w := wishes{expires: r.options.DefaultExpires}
	if h := req.GetHeader("Expires"); h != nil {
		if d, ok := seconds(h.Value()); ok {
			w.expires, w.explicit = d, true
		}
	}
	base, bad := r.common(req, account, now)
	if bad != nil {
		return w, bad
	}
	headers := req.GetHeaders("Contact")
	for _, h := range headers {
		c, ok := h.(*sipmsg.ContactHeader)
		if !ok {
			return w, &fault{status: sipmsg.StatusBadRequest, reason: "Malformed Contact"}
		}
		if c.Address.Wildcard {
			w.wildcard = true
			continue
		}
		next, bad := r.readContact(c, base, req.Via().Params.Has("rport"), w.expires)
		if bad != nil {
			return w, bad
		}
		w.contacts = append(w.contacts, next)
	}
	if w.wildcard && (len(headers) != 1 || !w.explicit || w.expires != 0) {
		return w, &fault{status: sipmsg.StatusBadRequest, reason: "Wildcard Contact needs Expires 0 and no other Contact"}
	}
	return w, nil
}

// common is what all contacts of a request share.
func (r *Registrar) common(req *sipmsg.Request, account Account, now time.Time) (Contact, *fault) {
	source, err := netip.ParseAddrPort(req.Source())
	if err != nil {
		return Contact{}, &fault{status: sipmsg.StatusInternalServerError, reason: "Unknown Source"}
	}
	c := Contact{
		AOR: account.AOR, CustomerID: account.CustomerID, ExtensionID: account.ExtensionID,
		Source: netip.AddrPortFrom(source.Addr().Unmap(), source.Port()), Transport: strings.ToLower(req.Transport()),
		CallID: req.CallID().Value(), CSeq: req.CSeq().SeqNo, Registered: now, Q: 1,
	}
	if h := req.GetHeader("User-Agent"); h != nil {
		c.UserAgent = h.Value()
	}
	for _, h := range req.GetHeaders("Path") {
		c.Path = append(c.Path, h.Value())
	}
	return c, nil
}

// readContact reads one Contact header. symmetric says that the phone sends and
// receives on one port.
func (r *Registrar) readContact(h *sipmsg.ContactHeader, base Contact, symmetric bool, expires time.Duration) (wish, *fault) {
	uri := h.Address.Clone()
	if uri.Scheme != "sip" && uri.Scheme != "sips" {
		return wish{}, &fault{status: sipmsg.StatusBadRequest, reason: "Contact Is No SIP URI"}
	}
	uri.Headers = nil // they would be headers of requests to it, not part of the place
	c := base
	c.URI = uri.String()
	c.Received = behindNAT(uri, base, symmetric)
	c.Instance = strings.Trim(h.Params.GetOr("+sip.instance", ""), `"`)
	c.RegID = h.Params.GetOr("reg-id", "")
	if q, err := strconv.ParseFloat(h.Params.GetOr("q", ""), 64); err == nil && q >= 0 && q <= 1 {
		c.Q = q
	}
	if text, ok := h.Params.Get("expires"); ok {
		// Unreadable means the default (RFC 3261 section 20.10 by 10.2.1.1).
		expires = r.options.DefaultExpires
		if d, ok := seconds(text); ok {
			expires = d
		}
	}
	if expires > 0 && expires < r.options.MinExpires {
		least := strconv.Itoa(int((r.options.MinExpires + time.Second - 1) / time.Second))
		return wish{}, &fault{
			status: sipmsg.StatusIntervalToBrief, reason: "Interval Too Brief",
			headers: []sipmsg.Header{sipmsg.NewHeader("Min-Expires", least)},
		}
	}
	return wish{contact: c, expires: min(expires, r.options.MaxExpires)}, nil
}

// behindNAT tells whether a contact has to be reached where its REGISTER came
// from. On a connection that is always so. A datagram's contact is believed
// when it names the source, or the source's host and another port unless the
// phone asked for answers to its source port (rport, RFC 3581).
func behindNAT(uri *sipmsg.Uri, base Contact, symmetric bool) bool {
	if base.Transport != "udp" {
		return true
	}
	host, err := netip.ParseAddr(strings.Trim(uri.Host, "[]"))
	if err != nil || host.Unmap() != base.Source.Addr() {
		return true
	}
	port := uri.Port
	if port == 0 {
		port = sipmsg.DefaultPort("udp")
	}
	return symmetric && port != int(base.Source.Port())
}

// seconds reads a delta-seconds value; one beyond 32 bits is as long as can be.
func seconds(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		n = 1<<32 - 1
	}
	return time.Duration(n) * time.Second, true
}
