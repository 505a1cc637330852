package assistant

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"offhook/assistant/llm"
	"offhook/resource"
)

// slowly answers a question after a while.
func slowly(after time.Duration) func([]llm.Message) ([]string, time.Duration, int) {
	return func([]llm.Message) ([]string, time.Duration, int) { return []string{"Well."}, after, 0 }
}

func withFiller(phrase string) func(*talk) { return func(t *talk) { t.spec.Filler = phrase } }

// TestFillerPhrase says the phrase while the model thinks, until the answer is
// there, and never again in that turn.
func TestFillerPhrase(t *testing.T) {
	for _, c := range []struct {
		name   string
		phrase string
		after  time.Duration
		voiced time.Duration // the phrase and the answer
	}{
		{"to its end", "One moment please.", 7 * time.Second, 1080*time.Millisecond + 300*time.Millisecond},
		{"cut off by the answer", strings.Repeat("One moment. ", 10), 2 * time.Second, 300*time.Millisecond + 600*time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, slowly(c.after), withFiller(c.phrase))
				defer s.over(t)
				s.party.waitFor(t, true)
				if !s.voice.said(c.phrase) {
					t.Error("the phrase was not prepared when the assistant began")
				}
				s.party.waitFor(t, false)
				s.party.says(hello, 600*time.Millisecond)
				spoke := time.Now().Add(600 * time.Millisecond)
				begin := s.party.waitFor(t, true)
				if waited := begin.Sub(spoke); waited > 2500*time.Millisecond {
					t.Errorf("the phrase began after %v", waited)
				}
				before := s.party.voiced()
				s.waitForSpoken(t, 2)
				time.Sleep(time.Second)
				if voiced := s.party.voiced() - before; voiced < c.voiced-200*time.Millisecond || voiced > c.voiced+200*time.Millisecond {
					t.Errorf("the party heard us for %v", voiced)
				}
				if said := s.book.spoken()[1]; said.Content != "Well." || said.Interrupted {
					t.Errorf("said %+v", said)
				}
				if dead := s.party.quietest(); dead > 3*time.Second {
					t.Errorf("%v of dead air", dead)
				}
			})
		})
	}
}

// TestFillerAnswered lets the party answer the phrase: "mm-hm" changes nothing,
// and words are a message that the model is asked about.
func TestFillerAnswered(t *testing.T) {
	for _, c := range []struct {
		hz   float64
		last string
		cut  int
	}{{mmHm, "hello", 0}, {stopIt, "hello no wait", 1}} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, slowly(4*time.Second), withFiller("One moment please, I am looking."))
			defer s.over(t)
			s.party.waitFor(t, true)
			s.party.waitFor(t, false)
			s.party.says(hello, 600*time.Millisecond)
			s.party.waitFor(t, true)
			time.Sleep(time.Second)
			s.party.says(c.hz, 900*time.Millisecond)
			begin := time.Now()
			if stopped := s.party.waitFor(t, false).Sub(begin); stopped > 700*time.Millisecond {
				t.Errorf("%v Hz: the phrase stopped after %v", c.hz, stopped)
			}
			s.waitForSpoken(t, 2)
			if h := s.model.last(); h[len(h)-1].Content != c.last || s.model.gaveUp() != c.cut {
				t.Errorf("%v Hz: %d answers given up, the model was asked %+v", c.hz, s.model.gaveUp(), h)
			}
		})
	}
}

// TestFillerOverTool interrupts what was said before a tool that takes long:
// the party hears that somebody works for it.
func TestFillerOverTool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, func(h []llm.Message) ([]string, time.Duration, int) {
			if h[len(h)-1].Content == "hello" {
				return []string{"Let me look at every single order that there is.", useTool}, 0, 0
			}
			return []string{"Here it is."}, 0, 0
		}, func(tk *talk) {
			tk.spec.Tools = []resource.AITool{{Name: "look", WebhookURL: "http://tool"}}
			tk.tools = newToolbox(&tk.spec, slowWeb{time.Minute}, scope{}, tk.times.Tool)
		})
		defer s.over(t)
		s.party.waitFor(t, true)
		s.party.waitFor(t, false)
		s.party.says(hello, 600*time.Millisecond)
		s.party.waitFor(t, true)
		time.Sleep(300 * time.Millisecond)
		s.party.says(stopIt, 900*time.Millisecond)
		s.waitForSpoken(t, 3)
		if dead := s.party.quietest(); dead > 2500*time.Millisecond {
			t.Errorf("%v of dead air", dead)
		}
	})
}
