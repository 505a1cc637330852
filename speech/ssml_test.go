package speech

import (
	"strings"
	"testing"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		`<speak>Hello <break time="1s"/> you</speak>`:                   `<speak>Hello <break time="1s"/> you</speak>`,
		`<speak version="1.0" xmlns="http://x" xml:lang="de">a</speak>`: `<speak version="1.0" xml:lang="de">a</speak>`,
		`<SPEAK><Prosody rate='slow'>a</Prosody></SPEAK>`:               `<speak><prosody rate="slow">a</prosody></speak>`,
		`<speak>a<audio src="/etc/x.wav">b</audio>c</speak>`:            `<speak>a b c</speak>`,
		`<speak xml:base="/etc/">a</speak>`:                             `<speak>a</speak>`,
		`<voice name="../../x">a</voice>`:                               `<voice>a</voice>`,
		`a < 2`:                                                         `a &lt; 2`,
		`<!-- <audio src="x"/> --><?xml version="1.0"?><!DOCTYPE x>a`:   `   a`,
		`<s <audio src="x"/>`:                                           `&lt;s  `,
		`<break time="1s" onload="x" time='2s'/>`:                       `<break time="1s" time="2s"/>`,
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%s)\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"1 < 2 & 3": "1 < 2 & 3",
		`<speak>Press <say-as interpret-as="digits">1</say-as> for A &amp; B</speak>`: "Press 1 for A & B",
		`<speak/>`: "",
	} {
		if got := Plain(in); got != want {
			t.Errorf("Plain(%s) = %q, want %q", in, got, want)
		}
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{`<speak>a<audio src="/x"/></speak>`, `<s <audio>`, `<!--<audio>-->`, `<break time='1"s'/>`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		safe := Safe(s)
		if lower := strings.ToLower(safe); strings.Contains(lower, "<audio") || strings.Contains(lower, "<speak xml:base") {
			t.Errorf("Safe(%q) = %q", s, safe)
		}
		if again := Safe(safe); strings.Count(again, "<") != strings.Count(safe, "<") {
			t.Errorf("Safe is not stable: %q, then %q", safe, again)
		}
	})
}
