package assistant

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"offhook/assistant/llm"
)

// TestTurnTaking is the bench of docs/assistant.md: 1,000 turns in virtual time
// with engines that take none, each answer interrupted at a random moment. It
// prints what offhook itself adds.
//
//	go test ./assistant -run TestTurnTaking -v
func TestTurnTaking(t *testing.T) {
	turns := 1000
	if testing.Short() {
		turns = 50
	}
	var answers, stops []time.Duration
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, func(h []llm.Message) ([]string, time.Duration, int) {
			if strings.HasSuffix(h[len(h)-1].Content, "no wait") {
				return []string{"Yes."}, 0, 0
			}
			return []string{story}, 0, 0
		})
		defer s.over(t)
		random := rand.New(rand.NewPCG(6, 1))
		upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
		stop := DefaultTimes().VAD.Stop
		s.party.waitFor(t, true)
		s.party.waitFor(t, false)
		for range turns {
			length := (500*time.Millisecond + upTo(2*time.Second)).Truncate(20 * time.Millisecond)
			s.party.says(hello, length)
			spoke := time.Now().Add(length)
			if s.party.waitFor(t, false); time.Now().After(spoke) {
				t.Fatal("we still speak")
			}
			answers = append(answers, s.party.waitFor(t, true).Sub(spoke)-stop)
			time.Sleep(200*time.Millisecond + upTo(3*time.Second))
			s.party.says(stopIt, 700*time.Millisecond)
			begin := time.Now()
			stops = append(stops, s.party.waitFor(t, false).Sub(begin))
			s.party.waitFor(t, true) // the answer to the interruption
			s.party.waitFor(t, false)
		}
	})
	row := func(name string, d []time.Duration) {
		slices.Sort(d)
		at := func(q float64) time.Duration { return d[int(q*float64(len(d)-1))] }
		t.Logf("%-42s %8v %8v %8v %8v", name, at(0.5), at(0.95), at(0.99), at(1))
	}
	t.Logf("%-42s %8s %8s %8s %8s", "", "median", "95 %", "99 %", "most")
	row("answer after the end-of-turn time", answers)
	row("our voice stops after theirs begins", stops)
	if m := answers[len(answers)/2]; m > 50*time.Millisecond {
		t.Errorf("the median answer comes %v after the end of turn, more than 50 ms", m)
	}
	if m := stops[len(stops)-1]; m > 200*time.Millisecond {
		t.Errorf("our voice stopped %v after the caller's began, more than 200 ms", m)
	}
}
