package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"offhook/resource"
)

// interruptions is a sink on a phone that measures, in frames of its RTP, how
// long it still hears the other side after it has begun to speak itself.
type interruptions struct {
	speaking chan struct{}      // has an entry when the other side has spoken for a second
	took     chan time.Duration // gets each measurement

	told   int // frames of the other side's voice
	since  int // frames since our voice began; 0: it has not
	last   int // the last of them with the other side's voice
	silent int
}

// frameTime is how much sound a packet has.
const frameTime = 20 * time.Millisecond

// WriteFrame implements media.Sink: their is what the phone hears, our what it
// says.
func (i *interruptions) WriteFrame(their, our []int16) {
	theirs := loud(their)
	switch {
	case i.since > 0:
		i.since++
		if i.silent++; theirs {
			i.last, i.silent = i.since, 0
		}
		if i.silent == 25 { // no pause between words is so long
			i.took <- time.Duration(i.last) * frameTime
			i.since, i.told = 0, 0
		}
	case theirs:
		if i.told++; i.told == 50 {
			i.speaking <- struct{}{}
		}
		fallthrough
	default:
		if i.told >= 50 && loud(our) {
			i.since, i.last, i.silent = 1, 1, 0
		}
	}
}

// loud reports whether a frame has a voice.
func loud(pcm []int16) bool {
	energy := 0.0
	for _, v := range pcm {
		energy += float64(v) * float64(v)
	}
	return energy > 300*300*float64(len(pcm))
}

// ourSide is interruptions on the server's side of a call.
type ourSide struct{ *interruptions }

// WriteFrame implements media.Sink.
func (o ourSide) WriteFrame(caller, assistant []int16) { o.interruptions.WriteFrame(assistant, caller) }

func newInterruptions() *interruptions {
	return &interruptions{speaking: make(chan struct{}, 10), took: make(chan time.Duration, 10)}
}

// TestBargeIn interrupts an assistant over RTP, and measures on both sides: in
// the server from the frame in which it hears the caller, and at the caller,
// with the jitter buffers of both ends, which grow on a busy machine.
func TestBargeIn(t *testing.T) {
	story := strings.Repeat("I am telling you a very long story about an order that nobody knows where it went ", 6)
	brain := newFakeLLM(t, func([]llmMessage) llmReply { return llmReply{words: story} })
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: ai_talk, option: {prompt: "Tell stories."}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`, withAssistant(newFakeVosk(t), brain))
	c := w.dial("+15550000000")
	receiveOr(t, "the call is answered", c.UpSignal())
	var row resource.Call
	if err := json.Unmarshal(w.hook("call_progressing", ""), &row); err != nil {
		t.Fatal(err)
	}
	live, ok := w.server.exchange.Find(row.CustomerID, row.ID)
	if !ok {
		t.Fatal("the call is not there")
	}
	theirs, ours := newInterruptions(), newInterruptions()
	c.Port().Attach(theirs, 8000)
	live.Attach(ourSide{ours}, 8000)
	var all, atCaller []time.Duration
	for range 3 {
		receiveOr(t, "the assistant speaks", theirs.speaking)
		say(t, c, "no wait")
		all = append(all, receiveOr(t, "the assistant stops", ours.took))
		atCaller = append(atCaller, receiveOr(t, "the caller hears silence", theirs.took))
	}
	slices.Sort(all)
	t.Logf("the server goes on for %v, the caller still hears us for %v", all, atCaller)
	if all[0] > 200*time.Millisecond { // others may be late on a busy machine
		t.Errorf("the server goes on for %v after it heard the caller", all)
	}
}
