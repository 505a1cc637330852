package sdp

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"
)

// section is what goes into a description of ours.
type section struct {
	codecs    []Codec
	direction Direction
	ptime     time.Duration
	mux       bool
	closed    bool   // our stream at port 0 too
	slots     []slot // every m= line; the one at audio is ours
	audio     int
	timing    string // an answer repeats the offer's t= line (RFC 3264 section 6)
}

// slots returns the m= lines of a peer's description.
func slots(streams []stream) []slot {
	out := make([]slot, len(streams))
	for i, s := range streams {
		out[i] = slot{media: s.media, proto: s.proto, formats: s.formats}
	}
	return out
}

// write makes the body and raises the version when it differs from the body
// sent before (RFC 3264 section 8).
func (a *Agent) write(sec section) []byte {
	plain := a.marshal(sec, 0)
	if a.last != "" && a.last != string(plain) {
		a.version++
	}
	a.last = string(plain)
	return a.marshal(sec, a.version)
}

func (a *Agent) marshal(sec section, version uint64) []byte {
	kind, host := addrType(a.local.Addr.Addr())
	start, stop := timing(sec.timing)
	d := pion.SessionDescription{
		Origin: pion.Origin{
			Username: "-", SessionID: a.id, SessionVersion: version,
			NetworkType: "IN", AddressType: kind, UnicastAddress: host,
		},
		SessionName: pion.SessionName(a.local.SessionName),
		ConnectionInformation: &pion.ConnectionInformation{
			NetworkType: "IN", AddressType: kind, Address: &pion.Address{Address: host},
		},
		TimeDescriptions: []pion.TimeDescription{{Timing: pion.Timing{StartTime: start, StopTime: stop}}},
	}
	for i, s := range sec.slots {
		if i == sec.audio && !sec.closed {
			d.MediaDescriptions = append(d.MediaDescriptions, a.media(sec))
			continue
		}
		d.MediaDescriptions = append(d.MediaDescriptions, &pion.MediaDescription{MediaName: pion.MediaName{
			Media: s.media, Protos: []string{s.proto}, Formats: s.formats,
		}})
	}
	body, err := d.Marshal()
	if err != nil {
		// Marshal only joins strings; its signature is that of an interface.
		return nil
	}
	return body
}

func (a *Agent) media(sec section) *pion.MediaDescription {
	m := &pion.MediaDescription{MediaName: pion.MediaName{
		Media: "audio", Port: pion.RangedPort{Value: int(a.local.Addr.Port())}, Protos: []string{"RTP", "AVP"},
	}}
	if profile := sec.slots[sec.audio].proto; profile != "" {
		m.MediaName.Protos = []string{profile}
	}
	for _, c := range sec.codecs {
		number := strconv.Itoa(int(c.PayloadType))
		m.MediaName.Formats = append(m.MediaName.Formats, number)
		m.WithValueAttribute("rtpmap", number+" "+c.String())
		if c.Fmtp != "" {
			m.WithValueAttribute("fmtp", number+" "+c.Fmtp)
		}
	}
	ms := strconv.FormatFloat(float64(sec.ptime)/float64(time.Millisecond), 'f', -1, 64)
	m.WithValueAttribute("ptime", ms)
	if rtcp := a.local.RTCP; rtcp.IsValid() && (rtcp.Addr() != a.local.Addr.Addr() || rtcp.Port() != a.local.Addr.Port()+1) {
		kind, host := addrType(rtcp.Addr())
		m.WithValueAttribute("rtcp", strings.Join([]string{strconv.Itoa(int(rtcp.Port())), "IN", kind, host}, " "))
	}
	if sec.mux {
		m.WithPropertyAttribute("rtcp-mux")
	}
	return m.WithPropertyAttribute(string(sec.direction))
}

func addrType(ip netip.Addr) (kind, host string) {
	ip = ip.Unmap()
	if ip.Is6() {
		return "IP6", ip.WithZone("").String()
	}
	if !ip.IsValid() {
		return "IP4", "0.0.0.0"
	}
	return "IP4", ip.String()
}

// timing reads a t= value; anything odd becomes an unbounded session.
func timing(value string) (start, stop uint64) {
	f := strings.Fields(value)
	if len(f) != 2 {
		return 0, 0
	}
	start, err1 := strconv.ParseUint(f[0], 10, 64)
	stop, err2 := strconv.ParseUint(f[1], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	return start, stop
}
