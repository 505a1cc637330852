package sdp

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestSessionsStayInStep lets two agents re-negotiate at random and holds every
// round to what RFC 3264 promises: both sides agree on codec and events, their
// directions mirror each other, numbers keep their meaning and versions rise by
// one on a change and only then.
func TestSessionsStayInStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sides := [2]*Agent{newRandomAgent(t, "192.0.2.1:4000"), newRandomAgent(t, "198.51.100.1:6000")}
		direction := rapid.SampledFrom([]Direction{SendRecv, SendOnly, RecvOnly, Inactive})
		meaning := map[uint8]string{}
		last := map[*Agent]string{}
		for range rapid.IntRange(1, 12).Draw(t, "rounds") {
			i := rapid.IntRange(0, 1).Draw(t, "offerer")
			offerer, answerer := sides[i], sides[1-i]
			if rapid.Bool().Draw(t, "move") {
				port := uint16(rapid.IntRange(1000, 1003).Draw(t, "port") * 2)
				offerer.SetAddr(netip.AddrPortFrom(offerer.local.Addr.Addr(), port))
			}
			wish := direction.Draw(t, "offered")
			before := offerer.version
			offer := offerer.Offer(wish)
			checkVersion(t, offerer, before, last)
			before = answerer.version
			answer, theirs, err := answerer.Answer(offer, direction.Draw(t, "answered"))
			if err != nil {
				t.Fatalf("%v\n%s", err, offer)
			}
			checkVersion(t, answerer, before, last)
			ours, err := offerer.Accept(answer)
			if err != nil {
				t.Fatalf("%v\n%s", err, answer)
			}
			if ours.Codec.key() != theirs.Codec.key() || ours.Codec.PayloadType != theirs.Codec.PayloadType ||
				ours.EventPayloadType != theirs.EventPayloadType || ours.Ptime != theirs.Ptime {
				t.Fatalf("offerer %+v\nanswerer %+v", ours, theirs)
			}
			if ours.Direction != theirs.Direction.Mirror() || ours.Direction.And(wish) != ours.Direction {
				t.Fatalf("offered %s, offerer %s, answerer %s", wish, ours.Direction, theirs.Direction)
			}
			if ours.Remote != answerer.local.Addr || theirs.Remote != offerer.local.Addr {
				t.Fatalf("offerer sends to %s, answerer to %s", ours.Remote, theirs.Remote)
			}
			checkMeaning(t, meaning, offer)
		}
	})
}

// newRandomAgent speaks PCMU, so that two of them can always agree, and some
// more under numbers that may differ from the other's.
func newRandomAgent(t *rapid.T, addr string) *Agent {
	codecs := []Codec{{Name: "PCMU", ClockRate: 8000}}
	if rapid.Bool().Draw(t, "PCMA") {
		codecs = append(codecs, Codec{Name: "PCMA", PayloadType: 8, ClockRate: 8000})
	}
	if rapid.Bool().Draw(t, "opus") {
		number := uint8(rapid.IntRange(96, 103).Draw(t, "number"))
		codecs = append(codecs, Codec{Name: "opus", PayloadType: number, ClockRate: 48000, Channels: 2})
	}
	return NewAgent(Local{
		Addr: netip.MustParseAddrPort(addr), Codecs: rapid.Permutation(codecs).Draw(t, "preference"),
		TelephoneEvent: rapid.Bool().Draw(t, "events"), SessionID: 1,
	})
}

func checkVersion(t *rapid.T, a *Agent, before uint64, last map[*Agent]string) {
	body, sent := last[a]
	last[a] = a.last
	want := before
	if sent && body != a.last {
		want++
	}
	if a.version != want {
		t.Fatalf("version %d after %d, changed %v", a.version, before, body != a.last)
	}
}

func checkMeaning(t *rapid.T, meaning map[uint8]string, offer []byte) {
	d, err := parse(offer)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d.streams[0].codecs() {
		if was, ok := meaning[c.PayloadType]; ok && was != c.key() {
			t.Fatalf("number %d was %s and is %s", c.PayloadType, was, c.key())
		}
		meaning[c.PayloadType] = c.key()
	}
}
