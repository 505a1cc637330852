package sdp

import (
	"net/netip"
	"strings"
	"testing"
)

func local() Local {
	return Local{
		Addr: netip.MustParseAddrPort("192.0.2.1:4000"),
		Codecs: []Codec{
			{Name: "PCMU", PayloadType: 0, ClockRate: 8000},
			{Name: "PCMA", PayloadType: 8, ClockRate: 8000},
			{Name: "G722", PayloadType: 9, ClockRate: 8000},
		},
		TelephoneEvent: true,
		SessionID:      7,
	}
}

// body joins lines to a description; the head is there already.
func body(lines ...string) []byte {
	head := []string{"v=0", "o=- 1 1 IN IP4 198.51.100.1", "s=-", "c=IN IP4 198.51.100.1", "t=0 0"}
	return []byte(strings.Join(append(head, lines...), "\r\n") + "\r\n")
}

func TestOfferIsExactly(t *testing.T) {
	want := strings.Join([]string{
		"v=0", "o=- 7 7 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0",
		"m=audio 4000 RTP/AVP 0 8 9 101",
		"a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:9 G722/8000",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv", "",
	}, "\r\n")
	if got := string(NewAgent(local()).Offer(SendRecv)); got != want {
		t.Errorf("offer is\n%s\nwant\n%s", got, want)
	}
}

func TestAnswerDirection(t *testing.T) {
	tests := []struct {
		name, attribute, host string
		wish                  Direction
		want                  Direction
		held                  bool
	}{
		{"plain", "a=sendrecv", "198.51.100.1", SendRecv, SendRecv, false},
		{"no attribute", "", "198.51.100.1", SendRecv, SendRecv, false},
		{"hold", "a=sendonly", "198.51.100.1", SendRecv, RecvOnly, true},
		{"peer listens", "a=recvonly", "198.51.100.1", SendRecv, SendOnly, false},
		{"hold without music", "a=inactive", "198.51.100.1", SendRecv, Inactive, true},
		{"hold of RFC 2543", "a=sendrecv", "0.0.0.0", SendRecv, RecvOnly, true},
		{"hold of RFC 2543, inactive", "a=inactive", "0.0.0.0", SendRecv, Inactive, true},
		{"hold of RFC 2543, recvonly", "a=recvonly", "0.0.0.0", SendRecv, Inactive, true},
		{"we hold, they refresh", "a=sendrecv", "198.51.100.1", SendOnly, SendOnly, false},
		{"both hold", "a=sendonly", "198.51.100.1", SendOnly, Inactive, true},
		{"we only listen", "a=sendonly", "198.51.100.1", RecvOnly, RecvOnly, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			offer := body("m=audio 5000 RTP/AVP 0", "c=IN IP4 "+test.host, test.attribute)
			answer, m, err := NewAgent(local()).Answer(offer, test.wish)
			if err != nil {
				t.Fatal(err)
			}
			if m.Direction != test.want || m.Held != test.held {
				t.Errorf("direction %s held %v, want %s %v", m.Direction, m.Held, test.want, test.held)
			}
			if !strings.Contains(string(answer), "\r\na="+string(test.want)+"\r\n") {
				t.Errorf("answer does not say %s:\n%s", test.want, answer)
			}
		})
	}
}
