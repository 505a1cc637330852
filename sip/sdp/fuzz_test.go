package sdp

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	pion "github.com/pion/sdp/v3"
)

// FuzzAnswer holds every answer to what RFC 3264 section 6 promises, whatever
// the offer is: it is well formed, has the offer's m= lines at their places,
// uses only formats of the offer, and is the same when the offer is repeated.
func FuzzAnswer(f *testing.F) {
	names, err := filepath.Glob("../../testdata/sdp/*.sdp")
	if err != nil || len(names) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, offer []byte) {
		a := NewAgent(local())
		answer, m, err := a.Answer(offer, SendRecv)
		if err != nil {
			return
		}
		offered, err := parse(offer)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parse(answer)
		if err != nil {
			t.Fatalf("our answer does not parse: %v\n%s", err, answer)
		}
		if len(back.streams) != len(offered.streams) {
			t.Fatalf("%d m= lines answered with %d", len(offered.streams), len(back.streams))
		}
		for i, s := range back.streams {
			o := offered.streams[i]
			if s.media != o.media || s.proto != o.proto {
				t.Errorf("line %d: %s %s answered with %s %s", i, o.media, o.proto, s.media, s.proto)
			}
			for _, format := range s.formats {
				if !slices.Contains(o.formats, format) {
					t.Errorf("line %d: format %s was not offered", i, format)
				}
			}
		}
		again, m2, err := a.Answer(offer, SendRecv)
		if err != nil || m2 != m || string(again) != string(answer) {
			t.Errorf("repeated: %v\n%s\n%s", err, answer, again)
		}
		a.Offer(SendOnly)
	})
}

// FuzzAccept must survive any answer.
func FuzzAccept(f *testing.F) {
	f.Add(body("m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"))
	f.Add(body("m=audio 0 RTP/AVP 0"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		a := NewAgent(local())
		a.Offer(SendRecv)
		m, err := a.Accept(answer)
		if err == nil && (m.Codec.Name == "" || !m.Remote.IsValid()) {
			t.Errorf("accepted without a codec or an address: %+v", m)
		}
	})
}

// TestOursIsReadByOthers reads our bodies with pion's strict reader.
func TestOursIsReadByOthers(t *testing.T) {
	a := NewAgent(local())
	answer, _, err := a.Answer(file(t, "soft-phone-video.sdp"), SendRecv)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{answer, a.Offer(SendOnly), NewAgent(local()).Offer(SendRecv)} {
		if err := new(pion.SessionDescription).Unmarshal(b); err != nil {
			t.Errorf("%v\n%s", err, b)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	offer := file(b, "desk-phone.sdp")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := NewAgent(local()).Answer(offer, SendRecv); err != nil {
			b.Fatal(err)
		}
	}
}
