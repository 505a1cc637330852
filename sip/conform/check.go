// Package conform says which SIP messages to refuse and how, before anything is
// made of them: the part of RFC 3261 sections 8.2, 16.3, 18.3 and 20 that needs
// no state. RFC 4475's torture messages in testdata/rfc4475 are its table of
// cases.
package conform

import (
	"slices"
	"strings"

	"offhook/sip/sdp"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Understood are the option tags that may stand in Require when Check and
// Headers are not given others.
var Understood = []string{"100rel", "timer", "replaces"}

// magicCookie begins every branch that identifies a transaction (RFC 3261
// section 8.1.1.7).
const magicCookie = "z9hG4bK"

// Check returns the status to refuse a parsed request with, and a reason phrase
// that names the fault; 0 when nothing speaks against it. Headers gives what
// has to go with the status. An ACK is never answered: drop it when it is
// refused. understood replaces the option tags of Understood.
//
// What the parser takes in silence is decided here too; what only a dialog, a
// registrar or an authenticated user can be judged by is not.
func Check(req *sipmsg.Request, understood ...string) (status int, reason string) {
	if !strings.EqualFold(req.SipVersion, "SIP/2.0") {
		return sipmsg.StatusVersionNotSupported, "Version Not Supported"
	}
	if fault := structure(req); fault != "" {
		return sipmsg.StatusBadRequest, fault
	}
	if status, reason := target(req); status != 0 {
		return status, reason
	}
	if req.IsInvite() && req.MaxForwards() != nil && req.MaxForwards().Val() == 0 {
		// Calls are passed on, and one that comes round must end
		// (section 16.3); any other request has arrived with us.
		return sipmsg.StatusTooManyHops, "Too Many Hops"
	}
	if req.IsAck() || req.IsCancel() {
		return 0, ""
	}
	if len(unsupported(req, understood)) > 0 {
		return sipmsg.StatusBadExtension, "Bad Extension"
	}
	return content(req)
}

// single are the headers that may stand once (section 20, table 2).
var single = []string{"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type"}

// structure names the first fault of what every request must have (8.1.1).
func structure(req *sipmsg.Request) string {
	var seen [8]int
	for _, h := range req.Headers() {
		if i := slices.Index(single, h.Name()); i >= 0 {
			if seen[i]++; seen[i] > 1 {
				return "More Than One " + h.Name()
			}
		}
	}
	switch via := req.Via(); {
	case via == nil:
		return "Missing Via"
	case !strings.EqualFold(via.ProtocolName, "SIP") || via.ProtocolVersion != "2.0" || via.Transport == "" || via.Host == "":
		return "Malformed Via"
	case via.Params.GetOr("branch", "") == magicCookie:
		return "Empty Branch"
	case req.From() == nil:
		return "Missing From"
	case req.To() == nil:
		return "Missing To"
	case req.CallID() == nil:
		return "Missing Call-ID"
	case req.CSeq() == nil:
		return "Missing CSeq"
	case empty(&req.From().Address):
		return "Malformed From"
	case empty(&req.To().Address):
		return "Malformed To"
	case !strings.EqualFold(string(req.CSeq().MethodName), string(req.Method)):
		// Without case, because the parser has made the method upper case.
		return "CSeq Method Mismatch"
	case req.MaxForwards() != nil && req.MaxForwards().Val() > 255:
		return "Max-Forwards Out Of Range"
	case req.Method == sipmsg.REGISTER && req.To().Address.Scheme != "sip" && req.To().Address.Scheme != "sips":
		return "Address Of Record Is No SIP URI" // section 10.2
	}
	return ""
}

func empty(uri *sipmsg.Uri) bool { return uri.Host == "" && uri.Raw() == "" }

// target judges the Request-URI (8.2.2.1, 19.1.1).
func target(req *sipmsg.Request) (int, string) {
	uri := &req.Recipient
	switch uri.Scheme {
	case "sip", "sips":
		switch {
		case uri.Host == "" || uri.Wildcard:
			return sipmsg.StatusBadRequest, "Malformed Request-URI"
		case uri.Headers.Length() > 0:
			return sipmsg.StatusBadRequest, "Headers In Request-URI"
		}
	case "tel":
	default:
		if !isScheme(uri.Scheme) {
			return sipmsg.StatusBadRequest, "Malformed Request-URI"
		}
		return sipmsg.StatusRequestedRangeNotSatisfiable, "Unsupported URI Scheme" // 416
	}
	return 0, ""
}

// isScheme tells whether s can be the scheme of a URI (RFC 3986 section 3.1).
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(s[i]))) {
			return false
		}
	}
	return s != ""
}

// unsupported lists the options that the request requires and we do not know
// (8.2.2.3).
func unsupported(req *sipmsg.Request, understood []string) []string {
	if understood == nil {
		understood = Understood
	}
	var out []string
	for _, option := range values(req, "Require") {
		if !slices.ContainsFunc(understood, func(u string) bool { return strings.EqualFold(u, option) }) {
			out = append(out, option)
		}
	}
	return out
}

// content judges the body and what may be answered with (8.2.3, 20.1).
func content(req *sipmsg.Request) (int, string) {
	switch req.Method {
	case sipmsg.INVITE, sipmsg.UPDATE, sipmsg.PRACK:
	default:
		return 0, ""
	}
	if len(req.Body()) > 0 && !optional(req) {
		for _, coding := range append(values(req, "Content-Encoding"), values(req, "e")...) {
			if !strings.EqualFold(coding, "identity") {
				return sipmsg.StatusUnsupportedMediaType, "Unsupported Content-Encoding"
			}
		}
		if t := req.ContentType(); t != nil && sdp.Extract(t.Value(), req.Body()) == nil {
			return sipmsg.StatusUnsupportedMediaType, "Unsupported Media Type"
		}
	}
	if req.IsInvite() && req.GetHeader("Accept") != nil && !slices.ContainsFunc(values(req, "Accept"), acceptsSDP) {
		return sipmsg.StatusNotAcceptable, "Not Acceptable"
	}
	return 0, ""
}

// optional tells whether the sender does not mind a body that is not understood
// (20.11).
func optional(req *sipmsg.Request) bool {
	h := req.GetHeader("Content-Disposition")
	return h != nil && strings.Contains(strings.ToLower(strings.ReplaceAll(h.Value(), " ", "")), ";handling=optional")
}

func acceptsSDP(media string) bool {
	switch strings.ToLower(bare(media)) {
	case "application/sdp", "application/*", "*/*":
		return true
	}
	return false
}

// bare cuts the parameters off a value.
func bare(value string) string {
	value, _, _ = strings.Cut(value, ";")
	return strings.TrimSpace(value)
}

// values splits a comma-separated header that has no quoted strings.
func values(req *sipmsg.Request, name string) []string {
	var out []string
	for _, h := range req.GetHeaders(name) {
		for v := range strings.SplitSeq(h.Value(), ",") {
			if v = strings.TrimSpace(v); v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// Headers returns the headers that the refusal must carry: what was not
// supported with 420, what is accepted with 415 and 406.
func Headers(req *sipmsg.Request, status int, understood ...string) []sipmsg.Header {
	switch status {
	case sipmsg.StatusBadExtension:
		return []sipmsg.Header{sipmsg.NewHeader("Unsupported", strings.Join(unsupported(req, understood), ", "))}
	case sipmsg.StatusUnsupportedMediaType, sipmsg.StatusNotAcceptable:
		return []sipmsg.Header{sipmsg.NewHeader("Accept", "application/sdp")}
	}
	return nil
}
