package assistant

import (
	"testing"
	"testing/synctest"
	"time"

	"offhook/assistant/llm"
)

// TestEndlessNoise begins noise in the middle of an answer that never ends.
// The answer is said to its end, without dead air; a question over the noise
// is understood and answered.
func TestEndlessNoise(t *testing.T) {
	for _, c := range []struct {
		name   string
		noise  float64
		throb  bool
		partly bool
		within time.Duration // from the question's end to its answer
	}{
		{"a fan", 600, false, false, time.Second},
		{"a motor beside the phone", 1200, false, false, 4 * time.Second},
		{"music, an engine without partial results", 600, true, false, 1500 * time.Millisecond},
		{"music, an engine with them", 600, true, true, 1500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, func(h []llm.Message) ([]string, time.Duration, int) {
					if h[len(h)-1].Content == meanings[reallyQ] {
						return []string{"It comes tomorrow."}, 0, 0
					}
					return []string{story}, 0, 0
				}, func(tk *talk) { tk.engines.Ear = &testEar{partly: c.partly, delay: 300 * time.Millisecond} })
				defer s.over(t)
				s.party.waitFor(t, true)
				s.party.waitFor(t, false)
				s.party.says(hello, 600*time.Millisecond)
				s.party.waitFor(t, true)
				time.Sleep(time.Second)
				s.party.surround(c.noise, c.throb)
				s.waitForSpoken(t, 2)
				if said := s.book.spoken()[1]; said.Interrupted || said.Content != story {
					t.Errorf("said %+v", said)
				}
				if dead := s.party.quietest(); dead > 3*time.Second {
					t.Errorf("%v of dead air", dead)
				}
				time.Sleep(time.Second)
				s.party.says(reallyQ, 1200*time.Millisecond)
				spoke := time.Now().Add(1200 * time.Millisecond)
				if took := s.party.waitFor(t, true).Sub(spoke); took > c.within {
					t.Errorf("answered after %v", took)
				}
				s.waitForSpoken(t, 3)
				if said := s.book.spoken()[2]; said.Content != "It comes tomorrow." {
					t.Errorf("answered %+v", said)
				}
				if dead := s.party.quietest(); dead > 3*time.Second {
					t.Errorf("%v of dead air until the answer", dead)
				}
			})
		})
	}
}

// waitForSpoken lets virtual time pass until the assistant has said so many
// things.
func (s *scene) waitForSpoken(t *testing.T, n int) {
	t.Helper()
	for range 3000 {
		if len(s.book.spoken()) >= n {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("said %+v within a minute, want %d things", s.book.spoken(), n)
}

// TestNoiseInQuestion begins noise while the party asks something, to an engine
// that tells words at the end: nobody hears nothing for long, and the question
// is answered as soon as the voice is over, also when it is asked again.
func TestNoiseInQuestion(t *testing.T) {
	for _, c := range []struct {
		name   string
		noise  float64
		within time.Duration
	}{
		{"music far behind", 600, 1500 * time.Millisecond},
		{"music close by", 1500, 1500 * time.Millisecond},
		{"music as loud as the voice", 5000, 12 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, always("It comes tomorrow."), func(tk *talk) { tk.engines.Ear = &testEar{delay: 300 * time.Millisecond} })
				defer s.over(t)
				s.party.waitFor(t, true)
				s.party.waitFor(t, false)
				for range 3 {
					s.party.says(reallyQ, 1600*time.Millisecond)
					spoke := time.Now().Add(1600 * time.Millisecond)
					time.Sleep(600 * time.Millisecond)
					s.party.surround(c.noise, true)
					if took := s.party.waitFor(t, true).Sub(spoke); took > c.within {
						t.Errorf("answered after %v", took)
					}
					s.party.waitFor(t, false)
					time.Sleep(time.Second)
				}
				if dead := s.party.quietest(); dead > 3*time.Second {
					t.Errorf("%v of dead air", dead)
				}
				for _, m := range s.book.spoken() {
					if m.Interrupted {
						t.Errorf("said %+v", m)
					}
				}
			})
		})
	}
}
