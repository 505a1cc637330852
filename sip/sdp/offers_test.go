package sdp

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../testdata/sdp", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOffersFromTheField answers whole descriptions as phones and carriers send
// them. m holds the answer's m= lines.
func TestOffersFromTheField(t *testing.T) {
	pcmu := Codec{Name: "PCMU", ClockRate: 8000}
	pcma := Codec{Name: "PCMA", PayloadType: 8, ClockRate: 8000}
	g722 := Codec{Name: "G722", PayloadType: 9, ClockRate: 8000}
	at := netip.MustParseAddrPort
	tests := []struct {
		file string
		want Media
		m    []string
	}{
		{"desk-phone.sdp", Media{
			Remote: at("198.51.100.20:16400"), RemoteRTCP: at("198.51.100.20:16401"), Codec: pcmu,
			EventPayloadType: 101, Direction: SendRecv, Ptime: 20 * time.Millisecond,
		}, []string{"m=audio 4000 RTP/AVP 0 101"}},
		{"soft-phone-video.sdp", Media{
			Remote: at("198.51.100.21:7078"), RemoteRTCP: at("198.51.100.21:7079"), Codec: pcmu,
			EventPayloadType: 100, Direction: SendRecv, Ptime: 20 * time.Millisecond,
		}, []string{"m=audio 4000 RTP/AVP 0 100", "m=video 0 RTP/AVP 96 97"}},
		{"carrier-bare.sdp", Media{
			Remote: at("203.0.113.9:30000"), RemoteRTCP: at("203.0.113.9:30001"), Codec: pcmu,
			EventPayloadType: 101, Direction: SendRecv, Ptime: 40 * time.Millisecond,
		}, []string{"m=audio 4000 RTP/AVP 0 101"}},
		{"odd-but-usable.sdp", Media{
			Remote: at("203.0.113.7:12000"), RemoteRTCP: at("203.0.113.7:12345"), Codec: pcma,
			Direction: SendRecv, Ptime: 20 * time.Millisecond,
		}, []string{"m=audio 4000 RTP/AVP 8"}},
		{"audio-and-fax.sdp", Media{
			Remote: at("203.0.113.8:4004"), RemoteRTCP: at("203.0.113.8:4005"), Codec: pcmu,
			Direction: SendRecv, Ptime: 20 * time.Millisecond,
		}, []string{"m=image 0 udptl t38", "m=audio 4000 RTP/AVP 0"}},
		{"srtp-or-plain.sdp", Media{
			Remote: at("198.51.100.30:5006"), RemoteRTCP: at("198.51.100.30:5007"), Codec: pcmu,
			Direction: Inactive, Held: true, Ptime: 20 * time.Millisecond,
		}, []string{"m=audio 0 RTP/SAVP 0", "m=audio 4000 RTP/AVP 0"}},
		{"ipv6.sdp", Media{
			Remote: at("[2001:db8::9]:6000"), RemoteRTCP: at("[2001:db8::9]:6000"), Codec: g722,
			Direction: SendRecv, Ptime: 20 * time.Millisecond, RTCPMux: true,
		}, []string{"m=audio 4000 RTP/AVP 9"}},
		{"hold-zero.sdp", Media{
			Remote: at("0.0.0.0:6000"), RemoteRTCP: at("0.0.0.0:6001"), Codec: pcmu, EventPayloadType: 101,
			Direction: RecvOnly, Held: true, Ptime: 20 * time.Millisecond,
		}, []string{"m=audio 4000 RTP/AVP 0 101"}},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			l := local()
			if test.file == "ipv6.sdp" {
				l.Addr = at("[2001:db8::1]:4000")
				l.Codecs[0], l.Codecs[2] = l.Codecs[2], l.Codecs[0]
			}
			answer, m, err := NewAgent(l).Answer(file(t, test.file), SendRecv)
			if err != nil {
				t.Fatal(err)
			}
			if m != test.want {
				t.Errorf("media\n%+v\nwant\n%+v", m, test.want)
			}
			if diff := cmp.Diff(test.m, linesOf(answer, "m=")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func linesOf(body []byte, prefix string) []string {
	var out []string
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, prefix) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// TestRefusals wants the error to name what is wrong.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		offer []byte
		kind  error
		says  string
	}{
		{"browser", file(t, "browser.sdp"), ErrNotAcceptable, "UDP/TLS/RTP/SAVPF"},
		{"fax", file(t, "fax.sdp"), ErrNotAcceptable, "image"},
		{"codec", file(t, "opus-only.sdp"), ErrNotAcceptable, "opus/48000/2 G729/8000"},
		{"host name", file(t, "host-name.sdp"), ErrNotAcceptable, "phone.example.com"},
		{"multicast", file(t, "multicast.sdp"), ErrNotAcceptable, "multicast"},
		{"no c= line", file(t, "no-connection.sdp"), ErrNotAcceptable, "no c= line"},
		{"no media", file(t, "no-media.sdp"), ErrNotAcceptable, "no m= line"},
		{"IPv6 to IPv4", file(t, "ipv6.sdp"), ErrNotAcceptable, "IP version"},
		{"port 0 from the start", body("m=audio 0 RTP/AVP 0"), ErrNotAcceptable, "port 0"},
		{"events alone", body("m=audio 1 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"), ErrNotAcceptable, "no common codec"},
		{"unmapped dynamic number", body("m=audio 1 RTP/AVP 97"), ErrNotAcceptable, "offered none"},
		{"empty", nil, ErrSyntax, "empty"},
		{"no version", []byte("o=- 1 1 IN IP4 1.2.3.4\r\n"), ErrSyntax, "v=0"},
		{"another version", []byte("v=1\r\n"), ErrSyntax, "v=1"},
		{"not lines", []byte("v=0\r\nhello\r\n"), ErrSyntax, "hello"},
		{"port too big", body("m=audio 65536 RTP/AVP 0"), ErrSyntax, "65536"},
		{"short m=", body("m=audio 1 RTP/AVP"), ErrSyntax, "m=audio"},
		{"short c=", body("c=IN IP4"), ErrSyntax, "c="},
		{"too many streams", body(strings.Split(strings.Repeat("m=audio 1 RTP/AVP 0|", 33), "|")...), ErrSyntax, "more than 32"},
		{"too long", []byte("v=0\r\n" + strings.Repeat("a=x\r\n", 20000)), ErrSyntax, "bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := NewAgent(local())
			_, _, err := a.Answer(test.offer, SendRecv)
			if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("error %v, want %v that says %q", err, test.kind, test.says)
			}
			if _, _, err := a.Answer(body("m=audio 5000 RTP/AVP 0"), SendRecv); err != nil {
				t.Errorf("the refused offer left something behind: %v", err)
			}
		})
	}
}
