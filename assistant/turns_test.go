package assistant

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"offhook/assistant/llm"
	"offhook/call"
	"offhook/resource"
	"offhook/speech/stt"
)

// always answers with the same words.
func always(words ...string) func([]llm.Message) ([]string, time.Duration, int) {
	return func([]llm.Message) ([]string, time.Duration, int) { return words, 0, 0 }
}

const story = "This is a long story about a very small order. It was sent on a Monday. Then it was lost."

func TestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("Fine, ", "thanks."))
		s.party.waitFor(t, true)
		s.party.waitFor(t, false)
		s.party.says(hello, 600*time.Millisecond)
		begin := time.Now()
		answered := s.party.waitFor(t, true).Sub(begin) - 600*time.Millisecond
		if answered > 620*time.Millisecond {
			t.Errorf("answered %v after the end of speech", answered)
		}
		s.party.waitFor(t, false)
		if h := s.model.last(); h[len(h)-1].Content != "hello" || h[len(h)-2].Content != "Hi." {
			t.Errorf("the model was asked %+v", h)
		}
		s.party.says(bye, 600*time.Millisecond)
		var e *ending
		if err := <-s.end; !errors.As(err, &e) || e.result != "phrase" || e.next[0].Type != "hangup" {
			t.Errorf("ended with %v", err)
		}
	})
}

// TestBargeIn interrupts a long answer.
func TestBargeIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, func(h []llm.Message) ([]string, time.Duration, int) {
			if h[len(h)-1].Content == "no wait" {
				return []string{"Sorry."}, 0, 0
			}
			return strings.SplitAfter(story, " "), 300 * time.Millisecond, 0
		})
		defer s.over(t)
		s.party.waitFor(t, true)
		s.party.waitFor(t, false)
		s.party.says(reallyQ, time.Second)
		s.party.waitFor(t, true)
		time.Sleep(time.Second)
		begin := time.Now()
		s.party.says(stopIt, 900*time.Millisecond)
		if stopped := s.party.waitFor(t, false).Sub(begin); stopped > 200*time.Millisecond {
			t.Errorf("we stopped after %v", stopped)
		}
		s.party.waitFor(t, true)
		s.party.waitFor(t, false)
		time.Sleep(100 * time.Millisecond)
		said := s.book.spoken()
		if len(said) != 3 || !said[1].Interrupted || said[2].Content != "Sorry." {
			t.Fatalf("said %+v", said)
		}
		heard := said[1].Content
		if !strings.HasPrefix(story, heard) || len(heard) < 10 || len(heard) > 25 {
			t.Errorf("after a second and 60 ms a character, %q was heard", heard)
		}
		if h := s.model.last(); h[len(h)-2].Content != heard {
			t.Errorf("the model thinks it said %q", h[len(h)-2].Content)
		}
		if s.model.gaveUp() != 1 {
			t.Errorf("%d streams were cancelled", s.model.gaveUp())
		}
	})
}

// TestMonologue lets the party speak for long without a pause to an engine that
// tells words at the end: it is given few pieces, and nobody talks over it.
func TestMonologue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("Fine."))
		defer s.over(t)
		s.party.waitFor(t, true)
		s.party.waitFor(t, false)
		s.party.says(hello, 20*time.Second)
		begin := time.Now()
		if answered := s.party.waitFor(t, true).Sub(begin); answered < 20*time.Second || answered > 21*time.Second {
			t.Errorf("answered after %v", answered)
		}
		if words := strings.Count(s.model.last()[2].Content, "hello"); words < 2 || words > 5 {
			t.Errorf("it was heard in %d pieces", words)
		}
	})
}

// TestBackchannel hums and coughs into an answer.
func TestBackchannel(t *testing.T) {
	for _, c := range []struct {
		name   string
		hz     float64
		length time.Duration
	}{{"mm-hm", mmHm, 400 * time.Millisecond}, {"a cough", 4500, 240 * time.Millisecond}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, always(story))
				defer s.over(t)
				s.party.waitFor(t, true)
				s.party.waitFor(t, false)
				s.party.says(hello, 600*time.Millisecond)
				s.party.waitFor(t, true)
				time.Sleep(time.Second)
				s.party.says(c.hz, c.length)
				begin := time.Now()
				if stopped := s.party.waitFor(t, false).Sub(begin); stopped < 3*time.Second {
					t.Errorf("we stopped after %v", stopped)
				}
				time.Sleep(100 * time.Millisecond)
				if said := s.book.spoken(); len(said) != 2 || said[1].Interrupted || said[1].Content != story {
					t.Errorf("said %+v", said)
				}
			})
		})
	}
}

// TestFalseInterruption is a noise long enough to stop us that means nothing.
func TestFalseInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always(story))
		defer s.over(t)
		s.party.waitFor(t, true)
		s.party.waitFor(t, false)
		s.party.says(hello, 600*time.Millisecond)
		s.party.waitFor(t, true)
		time.Sleep(2 * time.Second)
		s.party.says(1500, 400*time.Millisecond)
		s.party.waitFor(t, false)
		begin := time.Now()
		if resumed := s.party.waitFor(t, true).Sub(begin); resumed > 900*time.Millisecond {
			t.Errorf("we went on after %v", resumed)
		}
		s.party.waitFor(t, false)
		time.Sleep(100 * time.Millisecond)
		if said := s.book.spoken(); len(said) != 2 || said[1].Interrupted || said[1].Content != story {
			t.Errorf("said %+v", said)
		}
	})
}

// TestGoesOn lets the party go on with its sentence after what looked like its
// end; both parts are one message.
func TestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, func([]llm.Message) ([]string, time.Duration, int) {
			return []string{"Well."}, 400 * time.Millisecond, 0
		})
		defer s.over(t)
		s.party.waitFor(t, true)
		s.party.waitFor(t, false)
		s.party.says(hello, 600*time.Millisecond)
		time.Sleep(1200 * time.Millisecond)
		s.party.says(reallyQ, 600*time.Millisecond)
		s.party.waitFor(t, true)
		if h := s.model.last(); h[len(h)-1].Content != "hello what about my order" {
			t.Errorf("the model was asked %+v", h)
		}
	})
}

func TestDigits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("Thanks."))
		defer s.over(t)
		s.party.waitFor(t, true)
		for _, k := range "42" {
			s.party.keys <- call.Keypress{Key: byte(k)}
		}
		s.party.waitFor(t, false)
		s.party.waitFor(t, true)
		if h := s.model.last(); h[len(h)-1].Content != "DTMF_EVENT: 42" {
			t.Errorf("the model was asked %+v", h)
		}
	})
}

// TestFailures lets engines fail; the conversation ends with a result, and
// soon.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		pause  time.Duration
		within time.Duration
		voice  error
		words  []string
	}{
		{name: "model down", status: 503, within: 6 * time.Second},
		{name: "rate limited", status: 429, within: 6 * time.Second},
		{name: "wrong key", status: 401, within: time.Second},
		{name: "nonsense", words: []string{""}, within: 6 * time.Second},
		{name: "tools for ever", words: []string{useTool}, within: time.Second},
		{name: "model hangs", pause: time.Hour, within: 10 * time.Second},
		{name: "voice down", voice: errors.New("no voice"), within: time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, func([]llm.Message) ([]string, time.Duration, int) {
					if c.words == nil {
						return []string{"Well."}, c.pause, c.status
					}
					return c.words, c.pause, c.status
				})
				s.party.waitFor(t, true)
				s.party.waitFor(t, false)
				s.voice.fail(c.voice)
				s.party.says(hello, 600*time.Millisecond)
				begin := time.Now()
				var e *ending
				if err := <-s.end; !errors.As(err, &e) || e.result != "engine_failed" || e.message == "" {
					t.Errorf("ended with %v", err)
				}
				s.stop(nil)
				if s.party.quietest() > 3*time.Second {
					t.Errorf("%v of dead air", s.party.quietest())
				}
				if took := time.Since(begin) - 1100*time.Millisecond; took > c.within {
					t.Errorf("ended after %v", took)
				}
			})
		})
	}
}

// TestSilence asks a silent party and then gives up.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("Are you there?"))
		begin := time.Now()
		var e *ending
		if err := <-s.end; !errors.As(err, &e) || e.result != "silence" || time.Since(begin) > time.Minute {
			t.Errorf("ended with %v after %v", err, time.Since(begin))
		}
		s.stop(nil)
		if n := len(s.book.spoken()); n != 3 {
			t.Errorf("%d sentences to a silent party", n)
		}
	})
}

// slowWeb is a tool's server that takes its time. It implements flow.Web.
type slowWeb struct {
	takes time.Duration
}

func (w slowWeb) Send(ctx context.Context, _, _, _, _ string, _ []byte) (int, []byte, error) {
	select {
	case <-time.After(w.takes):
		return 200, []byte("found"), nil
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
}

// TestSlowTool tells the model of a tool that does not answer, and lets the
// party hear something meanwhile.
func TestSlowTool(t *testing.T) {
	for takes, want := range map[time.Duration]string{2 * time.Second: "found", time.Minute: "no answer within 5s"} {
		synctest.Test(t, func(t *testing.T) {
			result := ""
			s := newScene(t, func(h []llm.Message) ([]string, time.Duration, int) {
				if m := h[len(h)-1]; m.Role == "tool" {
					result = m.Content
					return []string{"Here it is."}, 0, 0
				}
				return []string{useTool}, 0, 0
			}, func(tk *talk) {
				tk.spec.Tools = []resource.AITool{{Name: "look", WebhookURL: "http://tool"}}
				tk.tools = newToolbox(&tk.spec, slowWeb{takes}, scope{}, tk.times.Tool)
			})
			defer s.over(t)
			s.party.waitFor(t, true)
			s.party.waitFor(t, false)
			s.party.says(hello, 600*time.Millisecond)
			begin := time.Now()
			answered := s.party.waitFor(t, true).Sub(begin)
			if !strings.Contains(result, want) || answered > 600*time.Millisecond+min(takes, 5*time.Second)+700*time.Millisecond {
				t.Errorf("%v: the model was told %q, answered after %v", takes, result, answered)
			}
			if s.party.quietest() > 3*time.Second {
				t.Errorf("%v: %v of dead air", takes, s.party.quietest())
			}
		})
	}
}

// TestRecogniserDown apologises and then gives up.
func TestRecogniserDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("Fine."), func(tk *talk) { tk.engines.Ear = &testEar{err: stt.ErrRefused} })
		for range maxDeaf {
			s.party.waitFor(t, true)
			s.party.waitFor(t, false)
			s.party.says(hello, 600*time.Millisecond)
		}
		var e *ending
		if err := <-s.end; !errors.As(err, &e) || e.result != "engine_failed" {
			t.Errorf("ended with %v", err)
		}
		s.stop(nil)
	})
}

// TestInjected puts a message in through the API.
func TestInjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		injected := make(chan llm.Message)
		s := newScene(t, always("Fine."), func(tk *talk) { tk.injected = injected })
		defer s.over(t)
		s.party.waitFor(t, true)
		injected <- llm.Message{Role: "system", Content: "Offer a discount."}
		s.party.waitFor(t, false)
		s.party.waitFor(t, true)
		if h := s.model.last(); h[len(h)-1].Role != "system" || h[len(h)-1].Content != "Offer a discount." {
			t.Errorf("the model was asked %+v", h)
		}
	})
}
