package assistant

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"offhook/assistant/llm"
	"offhook/call"
	"offhook/media"
	"offhook/media/audio"
	"offhook/resource"
	"offhook/speech"
	"offhook/speech/stt"
)

// The tests here run in virtual time: a party whose line ticks each 20 ms, a
// recogniser, a voice and a model that answer at once or when told. People
// speak tones; the recogniser knows what each pitch means.
const (
	hello   = 500.0
	reallyQ = 700.0 // a whole question
	stopIt  = 900.0
	mmHm    = 200.0
	bye     = 1100.0
)

var meanings = map[float64]string{hello: "hello", reallyQ: "what about my order", stopIt: "no wait", mmHm: "mm-hm", bye: "goodbye then"}

// testParty is a party on a line. It implements Party.
type testParty struct {
	mu    sync.Mutex
	sink  media.Sink
	mouth media.Source
	keys  chan call.Keypress
	hz    float64 // spoken now; 0: silence
	left  int     // frames of it
	phase float64
	at    int // samples so far
	noise float64
	throb bool

	random *rand.Rand
	loud   bool          // the party hears a voice
	since  time.Time     // of loud
	still  time.Time     // when it heard anything last, a filler too
	dead   time.Duration // the longest time without anything
	voice  time.Duration // how long it heard a voice
}

func (p *testParty) Attach(s media.Sink, _ int) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink = s
	return func() {}
}

func (p *testParty) Speak(s media.Source) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mouth = s
	return func() {}
}

func (p *testParty) Rate() int                            { return 8000 }
func (p *testParty) Keys() (<-chan call.Keypress, func()) { return p.keys, func() {} }

// run ticks until ctx ends.
func (p *testParty) run(ctx context.Context) {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	said, heard := make([]int16, 320), make([]int16, 160)
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		p.speak(said)
		if p.mouth != nil {
			_ = p.mouth.ReadFrame(heard)
		}
		p.listen(heard)
		if p.sink != nil {
			p.sink.WriteFrame(said, nil)
		}
		p.mu.Unlock()
	}
}

func (p *testParty) speak(frame []int16) {
	voice := 0.0
	if p.left > 0 {
		p.left--
		voice = 6000
	}
	if clear(frame); voice == 0 && p.noise == 0 {
		return
	}
	for i := range frame {
		p.phase += 2 * math.Pi * p.hz / stt.Rate
		p.at++
		seconds := float64(p.at) / stt.Rate
		syllable := 0.55 + 0.45*math.Cos(2*math.Pi*4*seconds)
		noise := p.noise * (2*p.random.Float64() - 1)
		if p.throb {
			noise *= 0.52 + 0.48*math.Cos(2*math.Pi*2*seconds)
		}
		frame[i] = int16(voice*syllable*math.Sin(p.phase) + noise)
	}
}

// surround begins noise around the party that never ends; throbbing noise comes
// and goes as music and other voices do.
func (p *testParty) surround(noise float64, throb bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noise, p.throb = noise, throb
}

// listen notes whether the party hears a voice; a filler is quieter.
func (p *testParty) listen(frame []int16) {
	var energy float64
	for _, v := range frame {
		energy += float64(v) * float64(v)
	}
	if energy > 0 || p.left > 0 {
		p.still = time.Now()
	}
	p.dead = max(p.dead, time.Since(p.still))
	loud := energy/float64(len(frame)) > 1000*1000
	if loud != p.loud {
		p.loud, p.since = loud, time.Now()
	}
	if loud {
		p.voice += 20 * time.Millisecond
	}
}

// voiced is how long the party has heard a voice so far.
func (p *testParty) voiced() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.voice
}

// says speaks for d, beginning now.
func (p *testParty) says(hz float64, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hz, p.left = hz, int(d/(20*time.Millisecond))
}

// hearing tells whether it hears a voice now, and since when that is so.
func (p *testParty) hearing() (bool, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.loud, p.since
}

// quietest is the longest time in which neither side made a sound.
func (p *testParty) quietest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// waitFor lets virtual time pass until the party hears a voice or silence.
func (p *testParty) waitFor(t *testing.T, voice bool) time.Time {
	t.Helper()
	for range 3000 {
		if loud, since := p.hearing(); loud == voice {
			return since
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no change to voice=%v within 30 s", voice)
	return time.Time{}
}

// testEar is a recogniser of pitches. It implements stt.Engine.
type testEar struct {
	delay  time.Duration // from Finish to the words
	partly bool          // it tells words before Finish
	err    error
}

func (e *testEar) Name() string { return "test" }

func (e *testEar) Open(context.Context, stt.Options) (stt.Stream, error) {
	if e.err != nil {
		return nil, e.err
	}
	return &testStream{e: e, results: make(chan stt.Result, 4), closed: make(chan struct{})}, nil
}

type testStream struct {
	e       *testEar
	pcm     []int16
	results chan stt.Result
	closed  chan struct{}
	once    sync.Once
}

func (s *testStream) Write(_ context.Context, pcm []int16) error {
	s.pcm = append(s.pcm, pcm...)
	if !s.e.partly {
		return nil
	}
	if text := meaning(s.pcm); text != "" {
		select {
		case s.results <- stt.Result{Kind: stt.Interim, Text: text}:
		case <-s.closed:
		}
	}
	return nil
}

func (s *testStream) Finish(context.Context) error {
	go func() {
		select {
		case <-time.After(s.e.delay):
			s.results <- stt.Result{Kind: stt.Final, Text: meaning(s.pcm), Through: stt.Length(int64(len(s.pcm)))}
			s.once.Do(func() { close(s.results) })
		case <-s.closed:
		}
	}()
	return nil
}

func (s *testStream) Results() <-chan stt.Result { return s.results }
func (s *testStream) Err() error                 { return nil }

func (s *testStream) Close() {
	s.once.Do(func() { close(s.closed); close(s.results) })
}

// meaning is what the pitch of the louder parts of sound means, "" for a cough.
func meaning(pcm []int16) string {
	votes := map[string]int{}
	best := ""
	for len(pcm) >= 640 {
		if text := pitch(pcm[:640]); text != "" {
			if votes[text]++; votes[text] > votes[best] {
				best = text
			}
		}
		pcm = pcm[640:]
	}
	if votes[best] < 3 {
		return ""
	}
	return best
}

// pitch is what 40 ms of sound mean.
func pitch(pcm []int16) string {
	crossings, first, last, energy := 0, -1, 0, 0.0
	for i := 1; i < len(pcm); i++ {
		energy += float64(pcm[i]) * float64(pcm[i])
		if pcm[i-1] < 0 && pcm[i] >= 0 {
			if first >= 0 {
				crossings++
			} else {
				first = i
			}
			last = i
		}
	}
	hz := float64(crossings) * stt.Rate / float64(max(1, last-first))
	for f, text := range meanings {
		if math.Abs(f-hz) < 40 && energy/float64(len(pcm)) > 1500*1500 {
			return text
		}
	}
	return ""
}

// testVoice speaks every text as a tone of 60 ms a character. It implements
// speech.Synthesizer.
type testVoice struct {
	mu    sync.Mutex
	err   error
	texts []string // that it was asked for
}

// said reports whether it was asked for a text.
func (v *testVoice) said(text string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Contains(v.texts, text)
}

// fail makes it fail from now on.
func (v *testVoice) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.err = err
}

func (v *testVoice) Synthesize(_ context.Context, r speech.Request) (*audio.Clip, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err != nil {
		return nil, v.err
	}
	v.texts = append(v.texts, r.Text)
	c := audio.NewClip(8000)
	pcm := make([]int16, 480*len(r.Text))
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*300*float64(i)/8000))
	}
	c.Append(pcm)
	c.Close(nil)
	return c, nil
}

// useTool in a testModel's words is the use of the tool look.
const useTool = "<look>"

// testModel is a chat-completions server without a network. It implements
// http.RoundTripper.
type testModel struct {
	answer func(history []llm.Message) (words []string, pause time.Duration, status int)

	mu    sync.Mutex
	asked [][]llm.Message
	given int // streams that the client gave up
}

func (m *testModel) RoundTrip(req *http.Request) (*http.Response, error) {
	var body struct{ Messages []llm.Message }
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.asked = append(m.asked, body.Messages)
	m.mu.Unlock()
	words, pause, status := m.answer(body.Messages)
	res := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: req}
	if status != 0 {
		res.StatusCode, res.Body = status, io.NopCloser(strings.NewReader("{}"))
		return res, nil
	}
	r, w := io.Pipe()
	res.Body = r
	go func() {
		for _, word := range words {
			select {
			case <-time.After(pause):
			case <-req.Context().Done():
				m.mu.Lock()
				m.given++
				m.mu.Unlock()
				_ = w.CloseWithError(req.Context().Err())
				return
			}
			if word == useTool {
				_, _ = io.WriteString(w, `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"look","arguments":"{}"}}]}}]}`+"\n\n")
				continue
			}
			fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":%q}}]}\n\n", word)
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
		_ = w.Close()
	}()
	return res, nil
}

// last is the history of the last request.
func (m *testModel) last() []llm.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[len(m.asked)-1]
}

// testBook keeps what happened. It implements book.
type testBook struct {
	mu       sync.Mutex
	messages []resource.Aimessage
	turns    []resource.AITurn
}

func (b *testBook) message(m llm.Message, interrupted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, resource.Aimessage{Role: m.Role, Content: m.Content, Interrupted: interrupted})
}
func (b *testBook) partial(string, int) {}
func (b *testBook) turn(t resource.AITurn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turns = append(b.turns, t)
}

// spoken is the assistant's messages.
func (b *testBook) spoken() []resource.Aimessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []resource.Aimessage
	for _, m := range b.messages {
		if m.Role == "assistant" {
			list = append(list, m)
		}
	}
	return list
}

// scene is a conversation in virtual time.
type scene struct {
	party *testParty
	model *testModel
	ear   *testEar
	voice *testVoice
	book  *testBook
	end   chan error
	stop  context.CancelCauseFunc
}

// newScene starts a conversation with a greeting, inside a synctest bubble.
func newScene(t *testing.T, answer func(history []llm.Message) ([]string, time.Duration, int), change ...func(*talk)) *scene {
	s := &scene{
		party: &testParty{random: rand.New(rand.NewPCG(1, 1)), still: time.Now(), keys: make(chan call.Keypress, 16)}, model: &testModel{answer: answer},
		ear: &testEar{}, voice: &testVoice{}, book: &testBook{}, end: make(chan error, 1),
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	s.stop = cancel
	spec := Spec{Greeting: "Hi.", Prompt: "You are a test.", EndCallPhrases: []string{"goodbye"}}
	times := DefaultTimes()
	tk := &talk{
		spec: spec, times: times, book: s.book, log: slog.New(slog.DiscardHandler), injected: make(chan llm.Message),
		engines: Engines{Ear: s.ear, Voice: s.voice, Model: llm.New(llm.Options{
			URL: "http://model/v1", Model: "m", First: times.First, Client: &http.Client{Transport: s.model},
		})},
		tools: newToolbox(&spec, nil, scope{}, times.Tool),
	}
	for _, f := range change {
		f(tk)
	}
	go s.party.run(ctx)
	go func() { s.end <- tk.converse(ctx, s.party) }()
	return s
}

// over ends the scene.
func (s *scene) over(t *testing.T) {
	s.stop(&ending{result: "terminated"})
	<-s.end
}

// gaveUp is how many streams the client gave up.
func (m *testModel) gaveUp() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.given
}
