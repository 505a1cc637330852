package assistant

import (
	"context"
	"strings"
	"time"
)

// maxDeaf is after how many phrases that the recogniser failed on the
// conversation is given up.
const maxDeaf = 3

// sorry is said when the recogniser failed.
const sorry = "Sorry, I did not catch that."

// listen waits for what the party says, types or has said while we spoke.
func (t *talk) listen(ctx context.Context) (input, error) {
	silence := time.NewTimer(t.times.Silence)
	defer silence.Stop()
	var wait <-chan time.Time // until the filler
	for {
		if len(t.pending) > 0 && !t.speaking {
			t.asked = 0
			return t.takePending(), nil
		}
		select {
		case s := <-t.ear.signs:
			t.notice(s)
			switch s.kind {
			case ended:
				switch {
				case !s.cut:
					wait = time.After(t.times.Filler)
				case t.speaking && !t.mouth.filling(): // who spoke may have stopped long ago
					t.mouth.fill(blips(t.mouth.rate), false)
				}
			case said:
				if !t.speaking || !s.cut {
					wait = nil
					t.mouth.hush()
				}
				if !s.cut {
					silence.Reset(t.times.Silence)
				}
				if err := t.understand(ctx, s); err != nil {
					return input{}, err
				}
			}
		case <-wait:
			t.mouth.fill(blips(t.mouth.rate), false)
		case k := <-t.keys:
			t.pending = append(t.pending, t.digits(ctx, k.Key))
		case m := <-t.injected:
			t.pending = append(t.pending, input{text: m.Content, role: m.Role, kept: true})
		case <-silence.C:
			if t.speaking {
				silence.Reset(t.times.Doubt)
				continue
			}
			if t.asked++; t.asked > t.times.Patience {
				return input{}, &ending{result: "silence"}
			}
			return input{role: "user", text: "[The caller says nothing. Ask in one short sentence whether they are still there.]"}, nil
		case <-ctx.Done():
			return input{}, context.Cause(ctx)
		}
	}
}

// notice keeps whether the party speaks. A sound that was cut goes on, and is
// noise when there were no words in it.
func (t *talk) notice(s sign) {
	switch {
	case s.kind == begun:
		t.speaking = true
	case s.kind == ended && !s.cut, s.kind == said && s.cut && s.text == "":
		t.speaking = false
	}
}

// takePending makes one input of all that the party said.
func (t *talk) takePending() input {
	in := t.pending[0]
	n := 1
	for ; n < len(t.pending); n++ {
		next := t.pending[n]
		if next.role != in.role || next.kept != in.kept || next.spoken != in.spoken {
			break
		}
		if !next.again {
			in.text, in.again = strings.TrimSpace(in.text+" "+next.text), false
		}
		in.voice, in.known = next.voice, next.known
	}
	t.pending = t.pending[n:]
	return in
}

// understand makes an input of a phrase. Noise is none, unless it made us give
// up an answer.
func (t *talk) understand(ctx context.Context, s sign) error {
	switch {
	case s.err != nil:
		t.log.Warn("speech not recognised", "error", s.err)
		if t.deaf++; t.deaf >= maxDeaf {
			return &ending{result: "engine_failed", message: s.err.Error()}
		}
		_, _, err := t.say(ctx, sorry)
		return err
	case s.text != "":
		t.deaf = 0
		t.pending = append(t.pending, input{text: s.text, role: "user", voice: s.voice, known: s.known, spoken: true})
	case t.unanswered:
		t.pending = append(t.pending, input{again: true, voice: s.voice, known: s.known})
	}
	return nil
}

// digits collects the keys that follow the first one, until # or a pause.
func (t *talk) digits(ctx context.Context, first byte) input {
	keys := []byte{first}
	for first != '#' {
		select {
		case k := <-t.keys:
			if k.Key == '#' {
				return keyed(keys)
			}
			keys = append(keys, k.Key)
		case <-time.After(t.times.Keys):
			return keyed(keys)
		case <-ctx.Done():
			return keyed(keys)
		}
	}
	return keyed(keys)
}

func keyed(keys []byte) input {
	return input{role: "user", text: "DTMF_EVENT: " + string(keys), voice: time.Now(), known: time.Now()}
}

// backchannels are what listeners say to show that they listen.
var backchannels = map[string]bool{
	"": true, "mm": true, "mmm": true, "hm": true, "hmm": true, "mhm": true, "mm-hm": true, "mm hm": true, "mm-hmm": true,
	"mm hmm": true, "uh-huh": true, "uh huh": true, "uh": true, "um": true, "huh": true, "ah": true, "oh": true,
	"yeah": true, "yes": true, "yep": true, "right": true, "okay": true, "ok": true, "i see": true, "sure": true,
}

// backchannel reports whether words are no wish to speak.
func backchannel(text string) bool { return backchannels[words(text)] }

// words is a text in lower case without punctuation around its words.
func words(text string) string {
	fields := strings.Fields(strings.ToLower(text))
	for i, f := range fields {
		fields[i] = strings.Trim(f, ".,!?;:…\"“”„'’()[]-")
	}
	return strings.Join(strings.Fields(strings.Join(fields, " ")), " ")
}

// endsCall reports whether the party said one of the phrases that end the
// call, as whole words.
func (s *Spec) endsCall(text string) bool {
	said := " " + straight(words(text)) + " "
	for _, p := range s.EndCallPhrases {
		if p = straight(words(p)); p != "" && strings.Contains(said, " "+p+" ") {
			return true
		}
	}
	return false
}

// straight makes typographic apostrophes plain ones.
func straight(text string) string { return strings.ReplaceAll(text, "’", "'") }
