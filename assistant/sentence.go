package assistant

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of what is spoken at once, in bytes.
const (
	firstClause = 60  // from here the first piece may end at a comma, to be heard sooner
	longest     = 240 // a sentence is cut at a space
	shortest    = 8   // a piece that is shorter waits for more
)

// splitter cuts a stream of text into sentences to speak.
type splitter struct {
	buf   string
	given bool // a piece was cut off already
}

// add takes text and returns the pieces that are complete.
func (s *splitter) add(text string) []string {
	s.buf += text
	var done []string
	for {
		end := s.end()
		if end == 0 {
			return done
		}
		piece := plain(s.buf[:end])
		s.buf = s.buf[end:]
		if piece != "" {
			s.given = true
			done = append(done, piece)
		}
	}
}

// rest is what is left at the end.
func (s *splitter) rest() string {
	piece := plain(s.buf)
	s.buf = ""
	return piece
}

// end is where the first piece of the buffer ends, 0 when it is not there yet.
func (s *splitter) end() int {
	for i, r := range s.buf {
		after := i + utf8.RuneLen(r)
		if after >= len(s.buf) && r != '\n' {
			break // what follows decides
		}
		next, _ := utf8.DecodeRuneInString(s.buf[after:])
		switch {
		case r == '\n' && i >= 1:
			return after
		case strings.ContainsRune("。！？", r):
			return after
		case i < shortest:
		case strings.ContainsRune(".!?…;:", r) && unicode.IsSpace(next) && !abbreviated(s.buf[:i]):
			return after
		case r == ',' && !s.given && i >= firstClause && unicode.IsSpace(next):
			return after
		}
	}
	if len(s.buf) > longest {
		if i := strings.LastIndexFunc(s.buf[:longest], unicode.IsSpace); i > 0 {
			return i
		}
		return longest - longestTail(s.buf)
	}
	return 0
}

// longestTail is how many bytes of a character would be cut at longest.
func longestTail(s string) int {
	n := 0
	for n < utf8.UTFMax-1 && !utf8.RuneStart(s[longest-n]) {
		n++
	}
	return n
}

// abbreviations that a full stop does not end a sentence after.
var abbreviations = map[string]bool{
	"mr": true, "mrs": true, "ms": true, "dr": true, "st": true, "no": true, "vs": true, "etc": true,
	"e.g": true, "i.e": true, "approx": true, "inc": true, "ltd": true, "jr": true, "sr": true,
}

// abbreviated reports whether the word before a full stop is short for something.
func abbreviated(before string) bool {
	word := before[strings.LastIndexFunc(before, unicode.IsSpace)+1:]
	return abbreviations[strings.ToLower(word)] || len(word) == 1 && word != "I" && unicode.IsLetter(rune(word[0]))
}

// plain drops what is written and not spoken: markup of lists, headings, code
// and emphasis.
func plain(text string) string {
	text = strings.NewReplacer("**", "", "__", "", "`", "", "#", "", "*", "", "\n", " ").Replace(text)
	text = strings.TrimPrefix(strings.TrimSpace(text), "- ")
	return strings.Join(strings.Fields(text), " ")
}
