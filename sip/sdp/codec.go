package sdp

import (
	"strconv"
	"strings"
)

// static are the audio payload numbers of RFC 3551 table 4 that need no rtpmap.
var static = map[uint8]Codec{
	0: {Name: "PCMU", ClockRate: 8000}, 3: {Name: "GSM", ClockRate: 8000},
	4: {Name: "G723", ClockRate: 8000}, 8: {Name: "PCMA", ClockRate: 8000},
	9: {Name: "G722", ClockRate: 8000}, 13: {Name: "CN", ClockRate: 8000},
	15: {Name: "G728", ClockRate: 8000}, 18: {Name: "G729", ClockRate: 8000},
}

// codecs returns the stream's formats in its order. Numbers out of range,
// repeated or without a meaning are left out.
func (s *stream) codecs() []Codec {
	var out []Codec
	seen := map[uint8]bool{}
	for _, text := range s.formats {
		n, err := strconv.ParseUint(text, 10, 7)
		if err != nil || seen[uint8(n)] || strconv.FormatUint(n, 10) != text {
			continue
		}
		c, ok := s.codec(text, uint8(n))
		if !ok {
			continue
		}
		seen[uint8(n)] = true
		out = append(out, c)
	}
	return out
}

func (s *stream) codec(text string, number uint8) (Codec, bool) {
	c, ok := static[number]
	if mapped, found := s.rtpmap[text]; found {
		c, ok = rtpmap(mapped)
	}
	c.PayloadType, c.Fmtp = number, s.fmtp[text]
	return c, ok
}

// rtpmap reads "name/clock[/channels]". G722 with the clock of its samples
// instead of RFC 3551's 8000 is a common fault and meant the same.
func rtpmap(value string) (Codec, bool) {
	f := strings.Split(value, "/")
	if len(f) < 2 || f[0] == "" {
		return Codec{}, false
	}
	rate, err := strconv.ParseUint(strings.TrimSpace(f[1]), 10, 31)
	if err != nil || rate == 0 {
		return Codec{}, false
	}
	c := Codec{Name: f[0], ClockRate: int(rate)}
	if len(f) > 2 {
		channels, err := strconv.ParseUint(strings.TrimSpace(f[2]), 10, 8)
		if err != nil {
			return Codec{}, false
		}
		c.Channels = int(channels)
	}
	if strings.EqualFold(c.Name, "G722") && c.ClockRate == 16000 {
		c.ClockRate = 8000
	}
	return c, true
}

// choose returns the best of ours that theirs has, with their number and
// parameters under our spelling.
func choose(ours, theirs []Codec) (Codec, bool) {
	for _, o := range ours {
		for _, t := range theirs {
			if o.key() == t.key() {
				t.Name, t.Channels = o.Name, o.Channels
				return t, true
			}
		}
	}
	return Codec{}, false
}

// theirOrder returns those of ours that theirs has, in their order: an answer's
// first codec is the one that its sender will use (RFC 3264 section 6.1).
func theirOrder(ours, theirs []Codec) []Codec {
	var out []Codec
	for _, t := range theirs {
		for _, o := range ours {
			if o.key() == t.key() {
				out = append(out, o)
				break
			}
		}
	}
	return out
}

// names lists formats for an error text.
func names(codecs []Codec) string {
	if len(codecs) == 0 {
		return "none"
	}
	var out []string
	for _, c := range codecs {
		out = append(out, clip(c.String()))
	}
	return clip(strings.Join(out, " "))
}

// events returns the telephone-event format at the clock that c runs on; at
// another clock its timestamps would not fit the stream (RFC 4733 section 2.1).
func events(c Codec, theirs []Codec) (Codec, bool) {
	want := Codec{Name: telephoneEvent, ClockRate: c.ClockRate}.key()
	for _, t := range theirs {
		if t.key() == want {
			return t, true
		}
	}
	return Codec{}, false
}

// numbers remembers which payload number stands for which format in a session.
// A number once used never changes its meaning (RFC 3264 section 8.3.2).
type numbers struct {
	byKey    map[string]uint8
	byNumber map[uint8]string
}

func newNumbers() numbers {
	return numbers{byKey: map[string]uint8{}, byNumber: map[uint8]string{}}
}

// learn notes what a peer's formats are called. A later number for the same
// format replaces the earlier one in our offers, the old number stays taken.
func (n numbers) learn(codecs []Codec) {
	for _, c := range codecs {
		n.byKey[c.key()] = c.PayloadType
		n.byNumber[c.PayloadType] = c.key()
	}
}

// assign returns the number to offer c under: the one it has, else the one it
// would like, else a free dynamic one; false when all are taken.
func (n numbers) assign(c Codec) (uint8, bool) {
	key := c.key()
	if number, ok := n.byKey[key]; ok {
		return number, true
	}
	number, ok := c.PayloadType, true
	if _, taken := n.byNumber[number]; taken {
		if number, ok = n.free(); !ok {
			return 0, false
		}
	}
	n.byKey[key], n.byNumber[number] = number, key
	return number, true
}

func (n numbers) free() (uint8, bool) {
	for number := uint8(96); number < 128; number++ {
		if _, taken := n.byNumber[number]; !taken {
			return number, true
		}
	}
	return 0, false
}
