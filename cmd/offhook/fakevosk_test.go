package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"offhook/media/tone"
)

// People in these tests speak a language of pitches: each phrase is a tone,
// which a telephone carries whole, and the recognisers below know them all.
// 1000 Hz says nothing: talk tries lines with it.
var phrases = []string{
	500:  "I need help with my order",
	600:  "goodbye",
	700:  "I want to talk to a real person",
	800:  "I need to check my order status",
	900:  "how can I help you",
	1100: "no wait",
	1200: "thank you",
	1300: "mm-hm",
}

// phrase is a text as sound, spoken for d.
func phrase(t testing.TB, text string, d time.Duration) *tone.Source {
	t.Helper()
	for hz, p := range phrases {
		if p == text {
			return tone.New(8000, tone.Spec{Hz1: float64(hz), On: d, Level: -12})
		}
	}
	t.Fatalf("nobody can say %q", text)
	return nil
}

// understand is the phrase whose pitch sound has, "" for silence.
func understand(pcm []int16) string {
	crossings, energy := 0, 0.0
	first, last := -1, 0
	for i := 1; i < len(pcm); i++ {
		energy += float64(pcm[i]) * float64(pcm[i])
		if pcm[i-1] < 0 && pcm[i] >= 0 {
			if first < 0 {
				first = i
			} else {
				crossings++
			}
			last = i
		}
	}
	if len(pcm) == 0 || crossings == 0 || energy/float64(len(pcm)) < 100*100 {
		return ""
	}
	hz := float64(crossings) * 16000 / float64(last-first)
	at := int(math.Round(hz/100)) * 100
	if at >= len(phrases) || math.Abs(hz-float64(at)) > 30 {
		return ""
	}
	return phrases[at]
}

// wordFrames is how many frames of 20 ms make a phrase: the edges of tones that
// say nothing, such as ringback, sound like words for one or two.
const wordFrames = 5

// fakeVosk is a vosk-server by its protocol: 200 ms of speech give a partial,
// 300 ms of silence a final.
type fakeVosk struct {
	t       *testing.T
	url     string
	opened  atomic.Int64
	came    chan struct{} // has an entry when somebody connected
	mu      sync.Mutex
	conns   []*websocket.Conn
	refuses bool
}

func newFakeVosk(t *testing.T) *fakeVosk {
	f := &fakeVosk{t: t, came: make(chan struct{}, 1)}
	s := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(func() { f.hangUp(); s.Close() })
	f.url = "ws" + strings.TrimPrefix(s.URL, "http")
	return f
}

// hangUp breaks all connections.
func (f *fakeVosk) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.CloseNow()
	}
	f.conns = nil
}

// away lets no connection in until it is called again.
func (f *fakeVosk) away(on bool) {
	f.mu.Lock()
	f.refuses = on
	f.mu.Unlock()
}

func (f *fakeVosk) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	refuses := f.refuses
	f.mu.Unlock()
	if refuses {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	f.opened.Add(1)
	select {
	case f.came <- struct{}{}:
	default:
	}
	f.mu.Lock()
	f.conns = append(f.conns, c)
	f.mu.Unlock()
	defer c.CloseNow()
	var rec fakeRecogniser
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		answer, over := rec.take(f.t, kind, data)
		if answer != "" && c.Write(r.Context(), websocket.MessageText, []byte(answer)) != nil {
			return
		}
		if over {
			_ = c.Close(websocket.StatusNormalClosure, "")
			return
		}
	}
}

// fakeRecogniser is one stream of a fakeVosk.
type fakeRecogniser struct {
	samples, begin, silent int
	votes                  map[string]int // frames of each phrase
	text                   string         // the phrase with most
}

func (r *fakeRecogniser) take(t *testing.T, kind websocket.MessageType, data []byte) (answer string, over bool) {
	if kind == websocket.MessageText {
		var m struct {
			EOF    int `json:"eof"`
			Config *struct {
				Rate int `json:"sample_rate"`
			} `json:"config"`
		}
		if err := json.Unmarshal(data, &m); err != nil || m.Config != nil && m.Config.Rate != 16000 {
			t.Errorf("vosk-server was told %s", data)
		}
		if m.EOF == 1 {
			return r.final(), true
		}
		return "", false
	}
	pcm := make([]int16, len(data)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return r.hear(pcm), false
}

// hear takes sound in steps of 20 ms.
func (r *fakeRecogniser) hear(pcm []int16) string {
	final := ""
	for len(pcm) > 0 {
		n := min(320, len(pcm))
		heard := understand(pcm[:n])
		pcm = pcm[n:]
		r.samples += n
		if heard != "" {
			if r.text == "" {
				r.begin = r.samples - n
			}
			r.vote(heard)
		} else if r.silent += n; r.text != "" && r.silent >= 16000*3/10 {
			final = r.final()
		}
	}
	if final != "" {
		return final
	}
	if r.votes[r.text] >= wordFrames && r.samples-r.begin >= 16000/5 {
		return fmt.Sprintf(`{"partial": %q}`, r.text)
	}
	return `{"partial": ""}`
}

// vote counts a frame; edges of a tone sound like others.
func (r *fakeRecogniser) vote(heard string) {
	if r.votes == nil {
		r.votes = map[string]int{}
	}
	r.votes[heard]++
	if r.silent = 0; r.votes[heard] >= r.votes[r.text] {
		r.text = heard
	}
}

// final ends the phrase.
func (r *fakeRecogniser) final() string {
	if r.votes[r.text] < wordFrames {
		r.text, r.silent, r.votes = "", 0, nil
		return `{"text": ""}`
	}
	var words []string
	for _, w := range strings.Fields(r.text) {
		words = append(words, fmt.Sprintf(`{"conf": 0.9, "start": %.3f, "end": %.3f, "word": %q}`,
			float64(r.begin)/16000, float64(r.samples-r.silent)/16000, w))
	}
	answer := fmt.Sprintf(`{"result": [%s], "text": %q}`, strings.Join(words, ","), r.text)
	r.text, r.silent, r.votes = "", 0, nil
	return answer
}
