package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustAnswer(t *testing.T, a *Agent, offer []byte, dir Direction) (string, Media) {
	t.Helper()
	answer, m, err := a.Answer(offer, dir)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer), m
}

func mustAccept(t *testing.T, a *Agent, answer []byte) Media {
	t.Helper()
	m, err := a.Accept(answer)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestVersionRisesOnlyOnChange(t *testing.T) {
	a := NewAgent(local())
	origin := func(b []byte) string { return linesOf(b, "o=")[0] }
	steps := []struct {
		name string
		send func() []byte
		want string
	}{
		{"first offer", func() []byte { return a.Offer(SendRecv) }, "7 7"},
		{"same again", func() []byte { return a.Offer(SendRecv) }, "7 7"},
		{"hold", func() []byte { return a.Offer(SendOnly) }, "7 8"},
		{"held still", func() []byte { return a.Offer(SendOnly) }, "7 8"},
		{"resume", func() []byte { return a.Offer(SendRecv) }, "7 9"},
		{"moved", func() []byte {
			a.SetAddr(netip.MustParseAddrPort("192.0.2.1:4010"))
			return a.Offer(SendRecv)
		}, "7 10"},
		{"fewer codecs", func() []byte {
			a.SetCodecs(local().Codecs[:1])
			return a.Offer(SendRecv)
		}, "7 11"},
	}
	for _, s := range steps {
		if got := origin(s.send()); got != "o=- "+s.want+" IN IP4 192.0.2.1" {
			t.Errorf("%s: %s, want %s", s.name, got, s.want)
		}
	}
}

// TestReofferKeepsNumbers: what the peer called 97 and 96 stays so in our own
// re-offer, in which 101, which it uses for something else, is not reused.
func TestReofferKeepsNumbers(t *testing.T) {
	a := NewAgent(local())
	offer := body("m=audio 5000 RTP/AVP 97 101 96", "a=rtpmap:97 PCMA/8000",
		"a=rtpmap:101 opus/48000/2", "a=rtpmap:96 telephone-event/8000")
	answer, m := mustAnswer(t, a, offer, SendRecv)
	if m.Codec.PayloadType != 97 || m.EventPayloadType != 96 {
		t.Fatalf("media %+v", m)
	}
	if !strings.Contains(answer, "m=audio 4000 RTP/AVP 97 96\r\n") {
		t.Errorf("answer\n%s", answer)
	}
	got := linesOf(a.Offer(SendOnly), "m=")
	if diff := cmp.Diff([]string{"m=audio 4000 RTP/AVP 97 0 9 96"}, got); diff != "" {
		t.Error(diff)
	}

	b := NewAgent(local())
	mustAnswer(t, b, body("m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 opus/48000/2"), SendRecv)
	got = linesOf(b.Offer(SendRecv), "m=")
	if diff := cmp.Diff([]string{"m=audio 4000 RTP/AVP 0 8 9 96"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestChangesAreSeen(t *testing.T) {
	a := NewAgent(local())
	offer := func(lines ...string) []byte { return body(lines...) }
	_, first := mustAnswer(t, a, offer("m=audio 5000 RTP/AVP 0"), SendRecv)
	_, same := mustAnswer(t, a, offer("m=audio 5000 RTP/AVP 0"), SendRecv)
	if first != same {
		t.Error("an unchanged re-offer is not recognised")
	}
	for name, lines := range map[string][]string{
		"port":    {"m=audio 5002 RTP/AVP 0"},
		"codec":   {"m=audio 5000 RTP/AVP 8"},
		"address": {"m=audio 5000 RTP/AVP 0", "c=IN IP4 198.51.100.2"},
		"rtcp":    {"m=audio 5000 RTP/AVP 0", "a=rtcp:6001"},
		"ptime":   {"m=audio 5000 RTP/AVP 0", "a=ptime:30"},
		"hold":    {"m=audio 5000 RTP/AVP 0", "a=sendonly"},
		"events":  {"m=audio 5000 RTP/AVP 0 99", "a=rtpmap:99 telephone-event/8000"},
	} {
		if _, m := mustAnswer(t, a, offer(lines...), SendRecv); m == first {
			t.Errorf("a change of %s is not seen", name)
		}
	}
}

func TestAccept(t *testing.T) {
	tests := []struct {
		name   string
		offer  Direction
		answer []byte
		want   Media
	}{
		{"their first codec", SendRecv, body("m=audio 5000 RTP/AVP 8 0"), Media{
			Codec: Codec{Name: "PCMA", PayloadType: 8, ClockRate: 8000}, Direction: SendRecv,
		}},
		{"events", SendRecv, body("m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"), Media{
			Codec: Codec{Name: "PCMU", ClockRate: 8000}, EventPayloadType: 101, Direction: SendRecv,
		}},
		{"our hold", SendOnly, body("m=audio 5000 RTP/AVP 0", "a=recvonly"), Media{
			Codec: Codec{Name: "PCMU", ClockRate: 8000}, Direction: SendOnly,
		}},
		{"our hold, answered as if not", SendOnly, body("m=audio 5000 RTP/AVP 0", "a=sendrecv"), Media{
			Codec: Codec{Name: "PCMU", ClockRate: 8000}, Direction: SendOnly,
		}},
		{"held by the answer", SendRecv, body("m=audio 5000 RTP/AVP 0", "a=sendonly"), Media{
			Codec: Codec{Name: "PCMU", ClockRate: 8000}, Direction: RecvOnly, Held: true,
		}},
		{"mux that was not offered", SendRecv, body("m=audio 5000 RTP/AVP 0", "a=rtcp-mux"), Media{
			Codec: Codec{Name: "PCMU", ClockRate: 8000}, Direction: SendRecv,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := NewAgent(local())
			a.Offer(test.offer)
			test.want.Remote = netip.MustParseAddrPort("198.51.100.1:5000")
			test.want.RemoteRTCP = netip.MustParseAddrPort("198.51.100.1:5001")
			test.want.Ptime = 20 * time.Millisecond
			for range 2 { // a 200 repeats the answer of a 183
				if m := mustAccept(t, a, test.answer); m != test.want {
					t.Errorf("media\n%+v\nwant\n%+v", m, test.want)
				}
			}
		})
	}
}

func TestAcceptRefuses(t *testing.T) {
	a := NewAgent(local())
	if _, err := a.Accept(body("m=audio 5000 RTP/AVP 0")); !errors.Is(err, ErrNoOffer) {
		t.Errorf("without an offer: %v", err)
	}
	a.Offer(SendRecv)
	for name, answer := range map[string][]byte{
		"refused":     body("m=audio 0 RTP/AVP 0"),
		"no stream":   body(),
		"other codec": body("m=audio 5000 RTP/AVP 18"),
	} {
		if _, err := a.Accept(answer); !errors.Is(err, ErrNotAcceptable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.Accept([]byte("nonsense")); !errors.Is(err, ErrSyntax) {
		t.Error("nonsense was accepted")
	}
}

// TestStreamsKeepTheirPlaces: after a video line has been refused, our own
// offers carry it on at port 0, and a peer may not drop it.
func TestStreamsKeepTheirPlaces(t *testing.T) {
	a := NewAgent(local())
	mustAnswer(t, a, body("m=video 6000 RTP/AVP 96", "m=audio 5000 RTP/AVP 0"), SendRecv)
	want := []string{"m=video 0 RTP/AVP 96", "m=audio 4000 RTP/AVP 0 8 9 101"}
	if diff := cmp.Diff(want, linesOf(a.Offer(SendRecv), "m=")); diff != "" {
		t.Error(diff)
	}
	if _, err := a.Accept(body("m=video 0 RTP/AVP 96", "m=audio 5000 RTP/AVP 0")); err != nil {
		t.Error(err)
	}
	if _, _, err := a.Answer(body("m=audio 5000 RTP/AVP 0"), SendRecv); !errors.Is(err, ErrNotAcceptable) {
		t.Errorf("a vanished m= line: %v", err)
	}
	// A second audio line does not take the stream over while the first is good.
	_, m := mustAnswer(t, a, body("m=audio 7000 RTP/AVP 0", "m=audio 5000 RTP/AVP 0"), SendRecv)
	if m.Remote.Port() != 5000 {
		t.Errorf("stream moved to port %d", m.Remote.Port())
	}
}

func TestPeerClosesAndReopensTheStream(t *testing.T) {
	a := NewAgent(local())
	mustAnswer(t, a, body("m=audio 5000 RTP/AVP 0"), SendRecv)
	answer, m := mustAnswer(t, a, body("m=audio 0 RTP/AVP 0"), SendRecv)
	if !strings.Contains(answer, "m=audio 0 RTP/AVP 0\r\n") || m.Direction != Inactive || m.Remote.IsValid() || !m.Held {
		t.Errorf("closed: %+v\n%s", m, answer)
	}
	if _, m = mustAnswer(t, a, body("m=audio 5000 RTP/AVP 0"), SendRecv); m.Direction != SendRecv {
		t.Errorf("reopened: %+v", m)
	}
	if _, _, err := a.Answer(file(t, "fax.sdp"), SendRecv); !errors.Is(err, ErrNotAcceptable) {
		t.Errorf("a switch to fax: %v", err)
	}
}

func TestMuxIsOfferedAgain(t *testing.T) {
	a := NewAgent(local())
	_, m := mustAnswer(t, a, body("m=audio 5000 RTP/AVP 0", "a=rtcp-mux"), SendRecv)
	if !m.RTCPMux || m.RemoteRTCP != m.Remote {
		t.Errorf("media %+v", m)
	}
	if len(linesOf(a.Offer(SendRecv), "a=rtcp-mux")) != 1 {
		t.Error("the re-offer gives up what was agreed to")
	}
	if m := mustAccept(t, a, body("m=audio 5000 RTP/AVP 0", "a=rtcp-mux")); !m.RTCPMux {
		t.Error("mux lost")
	}
	if m := mustAccept(t, a, body("m=audio 5000 RTP/AVP 0")); m.RTCPMux {
		t.Error("mux kept although the answer leaves it out")
	}
}

func TestTwoAgentsAgree(t *testing.T) {
	l := local()
	l.Codecs[0], l.Codecs[2] = l.Codecs[2], l.Codecs[0]
	l.RTCP = netip.MustParseAddrPort("192.0.2.1:4444")
	l.Ptime = 30 * time.Millisecond
	caller, callee := NewAgent(l), NewAgent(local())
	answer, theirs := mustAnswer(t, callee, caller.Offer(SendRecv), SendRecv)
	ours := mustAccept(t, caller, []byte(answer))
	if ours.Codec != theirs.Codec || ours.EventPayloadType != 101 || theirs.EventPayloadType != 101 {
		t.Errorf("caller %+v callee %+v", ours, theirs)
	}
	if theirs.RemoteRTCP.Port() != 4444 || ours.Ptime != 30*time.Millisecond || theirs.Ptime != 30*time.Millisecond {
		t.Errorf("caller %+v callee %+v", ours, theirs)
	}
	answer, theirs = mustAnswer(t, callee, caller.Offer(SendOnly), SendRecv)
	ours = mustAccept(t, caller, []byte(answer))
	if ours.Direction != SendOnly || ours.Held || theirs.Direction != RecvOnly || !theirs.Held {
		t.Errorf("on hold: caller %+v callee %+v", ours, theirs)
	}
}

func TestPacketTime(t *testing.T) {
	tests := []struct {
		lines []string
		want  time.Duration
	}{
		{nil, 20 * time.Millisecond},
		{[]string{"a=ptime:30"}, 30 * time.Millisecond},
		{[]string{"a=ptime:0"}, 20 * time.Millisecond},
		{[]string{"a=ptime:x"}, 20 * time.Millisecond},
		{[]string{"a=ptime:NaN"}, 20 * time.Millisecond},
		{[]string{"a=ptime:100000"}, 20 * time.Millisecond},
		{[]string{"a=maxptime:10"}, 10 * time.Millisecond},
		{[]string{"a=ptime:60", "a=maxptime:45"}, 40 * time.Millisecond},
		{[]string{"a=ptime:20.0"}, 20 * time.Millisecond},
	}
	for _, test := range tests {
		offer := body(append([]string{"m=audio 5000 RTP/AVP 0"}, test.lines...)...)
		if _, m := mustAnswer(t, NewAgent(local()), offer, SendRecv); m.Ptime != test.want {
			t.Errorf("%v: %v, want %v", test.lines, m.Ptime, test.want)
		}
	}
}

func TestEventsFollowTheClock(t *testing.T) {
	l := local()
	l.Codecs = append([]Codec{{Name: "opus", PayloadType: 111, ClockRate: 48000, Channels: 2}}, l.Codecs...)
	offer := string(NewAgent(l).Offer(SendRecv))
	for _, line := range []string{"a=rtpmap:101 telephone-event/48000", "a=rtpmap:96 telephone-event/8000"} {
		if !strings.Contains(offer, line+"\r\n") {
			t.Errorf("offer lacks %q:\n%s", line, offer)
		}
	}
	_, m := mustAnswer(t, NewAgent(l), file(t, "soft-phone-video.sdp"), SendRecv)
	if m.Codec.Name != "opus" || m.Codec.PayloadType != 96 || m.EventPayloadType != 99 {
		t.Errorf("media %+v", m)
	}
	l.TelephoneEvent = false
	if _, m := mustAnswer(t, NewAgent(l), file(t, "desk-phone.sdp"), SendRecv); m.EventPayloadType != 0 {
		t.Error("telephone-event agreed to although it is not wanted")
	}
}
