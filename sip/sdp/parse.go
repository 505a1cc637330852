package sdp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Bounds on what a peer may send; anything longer is no phone's description.
const (
	maxBytes   = 64 << 10
	maxStreams = 32
	maxFormats = 64
)

// description is what a peer's body says, as far as audio needs it.
type description struct {
	timing  string // the first t= line's value
	streams []stream
}

// stream is one m= line with what belongs to it.
type stream struct {
	media, proto string
	port         int
	formats      []string // as written, for a rejection in the same words
	host         string   // of the c= line that counts; empty: none
	direction    Direction
	rtpmap, fmtp map[string]string
	ptime        time.Duration
	maxptime     time.Duration
	rtcp         string // value of a=rtcp
	mux          bool
}

// parse reads a body leniently: line order, unknown lines and attributes, bare
// line feeds and odd origins do not matter. pion's reader is not used here
// because it refuses a whole body for an m=image line, an unknown b= modifier
// or an o= line with a word for a number, all of which phones send.
func parse(body []byte) (description, error) {
	if len(body) > maxBytes {
		return description{}, fmt.Errorf("%w: %d bytes", ErrSyntax, len(body))
	}
	p := parser{session: stream{direction: SendRecv}}
	seenVersion := false
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n \t")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			return description{}, fmt.Errorf("%w: line %q", ErrSyntax, clip(line))
		}
		if !seenVersion {
			if line != "v=0" {
				return description{}, fmt.Errorf("%w: begins with %q instead of v=0", ErrSyntax, clip(line))
			}
			seenVersion = true
			continue
		}
		if err := p.line(line[0], strings.TrimSpace(line[2:])); err != nil {
			return description{}, err
		}
	}
	if !seenVersion {
		return description{}, fmt.Errorf("%w: empty", ErrSyntax)
	}
	return p.desc, nil
}

type parser struct {
	desc    description
	session stream // session-level defaults, copied into each m= section
}

func (p *parser) current() *stream {
	if n := len(p.desc.streams); n > 0 {
		return &p.desc.streams[n-1]
	}
	return &p.session
}

func (p *parser) line(kind byte, value string) error {
	switch kind {
	case 't':
		if p.desc.timing == "" {
			p.desc.timing = value
		}
	case 'c':
		return p.connection(value)
	case 'm':
		return p.media(value)
	case 'a':
		p.attribute(value)
	}
	return nil
}

func (p *parser) connection(value string) error {
	f := strings.Fields(value)
	if len(f) != 3 || f[0] != "IN" {
		return fmt.Errorf("%w: c=%s", ErrSyntax, clip(value))
	}
	p.current().host = f[2]
	return nil
}

func (p *parser) media(value string) error {
	if len(p.desc.streams) == maxStreams {
		return fmt.Errorf("%w: more than %d m= lines", ErrSyntax, maxStreams)
	}
	f := strings.Fields(value)
	if len(f) < 4 || len(f) > 3+maxFormats {
		return fmt.Errorf("%w: m=%s", ErrSyntax, clip(value))
	}
	digits, _, _ := strings.Cut(f[1], "/")
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return fmt.Errorf("%w: port in m=%s", ErrSyntax, clip(value))
	}
	s := p.session
	s.media, s.port, s.proto, s.formats = f[0], int(port), f[2], f[3:]
	s.rtpmap, s.fmtp = map[string]string{}, map[string]string{}
	p.desc.streams = append(p.desc.streams, s)
	return nil
}

func (p *parser) attribute(value string) {
	name, value, _ := strings.Cut(value, ":")
	s := p.current()
	switch name = strings.ToLower(name); name {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		s.direction = Direction(name)
	case "ptime":
		s.ptime = milliseconds(value)
	case "maxptime":
		s.maxptime = milliseconds(value)
	case "rtcp":
		s.rtcp = value
	case "rtcp-mux":
		s.mux = true
	case "rtpmap":
		s.format(s.rtpmap, value)
	case "fmtp":
		s.format(s.fmtp, value)
	}
}

// format keeps "number text" under its number; the first one wins. At session
// level there is no map, and such an attribute has no meaning.
func (s *stream) format(into map[string]string, value string) {
	number, text, ok := strings.Cut(strings.TrimSpace(value), " ")
	if _, taken := into[number]; ok && !taken && into != nil {
		into[number] = strings.TrimSpace(text)
	}
}

// milliseconds reads a packet time; nonsense counts as absent. Some phones
// write a fraction, which RFC 8866 section 6.4 does not forbid.
func milliseconds(value string) time.Duration {
	ms, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(ms >= 2.5 && ms <= 200) {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// addr returns where the stream's RTP goes. An unspecified address is returned
// as such: it is the hold of RFC 2543, see RFC 3264 section 8.4.
func (s *stream) addr() (netip.AddrPort, error) {
	if s.host == "" {
		return netip.AddrPort{}, fmt.Errorf("%w: no c= line for the audio stream", ErrNotAcceptable)
	}
	host, _, _ := strings.Cut(s.host, "/")
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return netip.AddrPort{}, fmt.Errorf("%w: c= address %q is no IP address", ErrNotAcceptable, clip(s.host))
	case ip.IsMulticast():
		return netip.AddrPort{}, fmt.Errorf("%w: c= address %s is multicast", ErrNotAcceptable, ip)
	}
	return netip.AddrPortFrom(ip.Unmap().WithZone(""), uint16(s.port)), nil
}

// rtcpAddr returns where RTCP for a stream at rtp goes (RFC 3605), the zero
// value when that cannot be known.
func (s *stream) rtcpAddr(rtp netip.AddrPort, mux bool) netip.AddrPort {
	if mux || !rtp.IsValid() {
		return rtp
	}
	f := strings.Fields(s.rtcp)
	if len(f) > 0 {
		port, err := strconv.ParseUint(f[0], 10, 16)
		if err == nil && port > 0 {
			ip := rtp.Addr()
			if len(f) == 4 {
				if a, err := netip.ParseAddr(f[3]); err == nil && !a.IsMulticast() && !a.IsUnspecified() {
					ip = a.Unmap().WithZone("")
				}
			}
			return netip.AddrPortFrom(ip, uint16(port))
		}
	}
	if rtp.Port() == 0 || rtp.Port() == 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
}

// clip keeps a stranger's words short in an error.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}
