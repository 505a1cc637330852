package espeak

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"offhook/media/audio"
	"offhook/media/wav"
	"offhook/speech"
)

func installed(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
}

// spoken waits for a whole clip.
func spoken(t *testing.T, e *Engine, r speech.Request) *audio.Clip {
	t.Helper()
	c, err := e.Synthesize(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSpeaks(t *testing.T) {
	installed(t)
	e := New(Options{})
	short := spoken(t, e, speech.Request{Text: "Welcome."})
	long := spoken(t, e, speech.Request{Text: "Welcome to the support line. Press one for sales & two for <help>.", Language: "en-GB"})
	if short.Duration().Seconds() < 0.3 || long.Duration() < 2*short.Duration() {
		t.Errorf("durations %s and %s", short.Duration(), long.Duration())
	}
	if e := spoken(t, e, speech.Request{Text: " \n"}); e.Samples() != 0 {
		t.Errorf("blank text has %d samples", e.Samples())
	}
}

func TestSSML(t *testing.T) {
	installed(t)
	e := New(Options{})
	with := spoken(t, e, speech.Request{Text: `<speak>Hello <break time="2s"/> you</speak>`})
	without := spoken(t, e, speech.Request{Text: `<speak>Hello you</speak>`})
	if d := with.Duration() - without.Duration(); d.Seconds() < 1 {
		t.Errorf("a break of 2 s adds %s", d)
	}
}

// TestSSMLReadsNoFiles holds a hole shut: espeak-ng plays any local WAV file
// that an audio element names. The file here lasts longer than any of the texts
// takes when its markup is read out.
func TestSSMLReadsNoFiles(t *testing.T) {
	installed(t)
	const seconds = 40
	path := filepath.Join(t.TempDir(), "s.wav")
	b := wav.AppendHeader(nil, 22050, 1, seconds*2*22050)
	for i := range seconds * 22050 {
		b = binary.LittleEndian.AppendUint16(b, uint16(i*400))
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	e := New(Options{})
	for _, text := range []string{
		`<speak>a <audio src="` + path + `"/> b</speak>`,
		`<speak>a <AUDIO src='` + path + `'>x</AUDIO> b</speak>`,
		`<speak>a < audio src="` + path + `"/> b</speak>`,
		`<speak>a <s x="><audio src='` + path + `'/>"/> b</speak>`,
		`<speak>a <s <audio src="` + path + `"/> b</speak>`,
		`<speak>a <voice name="` + path + `">b</voice> <audio` + "\n" + `src="` + path + `"/> b</speak>`,
		`<speak>a &lt;audio src="` + path + `"/&gt; b</speak>`,
		`<speak>a &#60;audio src="` + path + `"/&#62; b</speak>`,
	} {
		if c := spoken(t, e, speech.Request{Text: text}); c.Duration().Seconds() >= seconds {
			t.Errorf("%s plays the file", text)
		}
	}
}

func TestUnavailable(t *testing.T) {
	e := New(Options{Path: "/nonexistent/espeak-ng"})
	_, err := e.Synthesize(t.Context(), speech.Request{Text: "hello"})
	if !errors.Is(err, speech.ErrUnavailable) || !strings.Contains(err.Error(), "apt-get install espeak-ng") {
		t.Errorf("error is %v", err)
	}
	if err := e.Check(t.Context()); !errors.Is(err, speech.ErrUnavailable) {
		t.Errorf("Check says %v", err)
	}
}

// script makes a program that lists voices as espeak-ng does and then behaves
// as given.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "espeak-ng")
	text := "#!/bin/sh\ncase $1 in --voices*) echo ' 2  en-us  --/M  English_(America) gmw/en-US'; exit 0;; esac\n" + body
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFailures(t *testing.T) {
	header := `printf 'RIFF\044\360\377\177WAVEfmt \020\0\0\0\001\0\001\0\042\126\0\0\104\254\0\0\002\0\020\0data\0\360\377\177'`
	t.Run("at once", func(t *testing.T) {
		e := New(Options{Path: script(t, "echo broken data >&2; exit 3")})
		_, err := e.Synthesize(t.Context(), speech.Request{Text: "hello"})
		if err == nil || !strings.Contains(err.Error(), "broken data") {
			t.Errorf("error is %v", err)
		}
		if len(e.workers) != 0 {
			t.Error("the worker is not given back")
		}
	})
	t.Run("in the middle", func(t *testing.T) {
		e := New(Options{Path: script(t, header+"; head -c 8000 /dev/zero; exit 3")})
		c, err := e.Synthesize(t.Context(), speech.Request{Text: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		if <-c.Done(); c.Err() == nil {
			t.Error("the clip looks complete")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		e := New(Options{Path: script(t, header+"; head -c 8000 /dev/zero; exec sleep 60")})
		ctx, cancel := context.WithCancel(t.Context())
		c, err := e.Synthesize(ctx, speech.Request{Text: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if <-c.Done(); c.Err() == nil {
			t.Error("the clip looks complete")
		}
	})
}

func TestVoiceArgument(t *testing.T) {
	v := &voices{languages: map[string]bool{}, named: map[string]string{}, variants: map[string]string{}}
	v.parse([]byte(`Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  cmn             --/M      Chinese_(Mandarin) sit/cmn              (zh-cmn 5)(zh 5)
 5  de              --/M      German             gmw/de
 2  en-gb           --/M      English_(Great_Britain) gmw/en          (en 2)
 2  en-us           --/M      English_(America)  gmw/en-US            (en 3)
 5  es              --/M      Spanish_(Spain)    roa/es
 5  es-419          --/M      Spanish_(Latin_America) roa/es-419      (es-mx 6)(es 6)
 5  fr-fr           --/M      French_(France)    roa/fr               (fr 5)
 5  nb              --/M      Norwegian_Bokmål  gmq/nb               (no 5)
 5  variant         --/F      female3            !v/f3
 5  variant         --/M      male3              !v/m3
 5  variant         --/F      Annie              !v/Annie
`))
	var log bytes.Buffer
	e := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, c := range []struct {
		language, voice, want string
		warns                 bool
	}{
		{"", "", "en-us", false},
		{"en-US", "", "en-us", false},
		{"en_GB", "", "en-gb", false},
		{"en-AU", "", "en-gb", false},
		{"en-CA", "", "en-us", false},
		{"de-DE", "", "de", false},
		{"de-CH-1996", "", "de", false},
		{"fr", "", "fr-fr", false},
		{"fr-CA", "", "fr-fr", false},
		{"es-MX", "", "es-419", false},
		{"es-ES", "", "es", false},
		{"zh-CN", "", "cmn", false},
		{"no-NO", "", "nb", false},
		{"tlh", "", "en-us", true},
		{"../../etc/passwd", "", "en-us", true},
		{"en-US", "female", "en-us+f3", false},
		{"en-US", "neutral", "en-us", false},
		{"de-DE", "+f3", "de+f3", false},
		{"de-DE", "annie", "de+Annie", false},
		{"en-US", "de+m3", "de+m3", false},
		{"en-US", "German", "de", false},
		{"en-US", "en-US-Wavenet-A", "en-us", true},
		{"en-US", "-v/../../x", "en-us", true},
		{"en-US", "de+../x", "en-us", true},
	} {
		log.Reset()
		if got := e.voice(v, speech.Request{Language: c.language, Voice: c.voice}); got != c.want {
			t.Errorf("language %q voice %q: %q, want %q", c.language, c.voice, got, c.want)
		}
		if warned := log.Len() > 0; warned != c.warns {
			t.Errorf("language %q voice %q: warned %v", c.language, c.voice, warned)
		}
	}
}
