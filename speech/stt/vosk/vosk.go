// Package vosk speaks the WebSocket protocol of vosk-server: a JSON frame with
// the sample rate, binary frames of PCM that each get one JSON answer, and
// {"eof": 1}, which asks for the last one.
package vosk

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"offhook/speech/stt"
)

// Options set up an engine.
type Options struct {
	URL     string        // ws://host:2700; empty: speech.stt.url is missing
	Connect time.Duration // bound of a connection's set-up; 0: 5 s
	Write   time.Duration // bound of one frame's sending; 0: 10 s
	Last    time.Duration // how long the last answer may take; 0: 5 s
}

// Engine implements stt.Engine.
type Engine struct{ opt Options }

var _ stt.Engine = (*Engine)(nil)

// New makes an engine. It connects when a stream is opened.
func New(o Options) *Engine {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.Connect, 5 * time.Second}, {&o.Write, 10 * time.Second}, {&o.Last, 5 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return &Engine{o}
}

// Name implements stt.Engine.
func (e *Engine) Name() string { return "vosk" }

// maxAnswer bounds one answer of the server, in bytes.
const maxAnswer = 1 << 20

// Open implements stt.Engine. A vosk-server has one language, that of its
// model, so the language is not sent.
func (e *Engine) Open(ctx context.Context, _ stt.Options) (stt.Stream, error) {
	if e.opt.URL == "" {
		return nil, fmt.Errorf("%w: set speech.stt.url to a vosk-server, such as ws://127.0.0.1:2700", stt.ErrNotConfigured)
	}
	dialCtx, cancel := context.WithTimeout(ctx, e.opt.Connect)
	defer cancel()
	conn, res, err := websocket.Dial(dialCtx, webSocketURL(e.opt.URL), nil)
	if err != nil {
		if res != nil && (res.StatusCode == 401 || res.StatusCode == 403 || res.StatusCode == 404) {
			return nil, fmt.Errorf("%w: vosk-server answered %d; check speech.stt.url", stt.ErrRefused, res.StatusCode)
		}
		return nil, fmt.Errorf("vosk-server: %w", err)
	}
	conn.SetReadLimit(maxAnswer)
	config := fmt.Appendf(nil, `{"config": {"sample_rate": %d, "words": true}}`, stt.Rate)
	if err := conn.Write(dialCtx, websocket.MessageText, config); err != nil {
		_ = conn.CloseNow()
		return nil, fmt.Errorf("vosk-server: %w", err)
	}
	s := &stream{opt: e.opt, conn: conn, results: make(chan stt.Result, 16)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.receive()
	return s, nil
}

// webSocketURL accepts http for ws, as people paste it.
func webSocketURL(u string) string {
	if rest, ok := strings.CutPrefix(u, "http"); ok {
		return "ws" + rest
	}
	return u
}

// stream implements stt.Stream.
type stream struct {
	opt     Options
	conn    *websocket.Conn
	ctx     context.Context
	cancel  context.CancelFunc
	results chan stt.Result
	buf     []byte
	err     error // before results is closed

	finished atomic.Bool // Finish was called
	closed   atomic.Bool // Close was called

	mu    sync.Mutex
	sizes []int // samples of each frame that has no answer yet
}

// Write implements stt.Stream.
func (s *stream) Write(ctx context.Context, pcm []int16) error {
	s.buf = s.buf[:0]
	for _, v := range pcm {
		s.buf = binary.LittleEndian.AppendUint16(s.buf, uint16(v))
	}
	s.mu.Lock()
	s.sizes = append(s.sizes, len(pcm))
	s.mu.Unlock()
	return s.send(ctx, websocket.MessageBinary, s.buf)
}

func (s *stream) send(ctx context.Context, kind websocket.MessageType, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Write)
	defer cancel()
	if err := s.conn.Write(ctx, kind, data); err != nil {
		return fmt.Errorf("vosk-server: %w", err)
	}
	return nil
}

// Finish implements stt.Stream.
func (s *stream) Finish(ctx context.Context) error {
	s.finished.Store(true)
	err := s.send(ctx, websocket.MessageText, []byte(`{"eof" : 1}`))
	time.AfterFunc(s.opt.Last, s.cancel)
	return err
}

// Results implements stt.Stream.
func (s *stream) Results() <-chan stt.Result { return s.results }

// Err implements stt.Stream.
func (s *stream) Err() error { return s.err }

// Close implements stt.Stream.
func (s *stream) Close() {
	s.closed.Store(true)
	s.cancel()
	_ = s.conn.CloseNow()
}

// answer is a frame of the server.
type answer struct {
	Partial *string `json:"partial"`
	Text    *string `json:"text"`
	Result  []struct {
		Conf       float64 `json:"conf"`
		Start, End float64
		Word       string
	} `json:"result"`
}

// receive turns answers into results until the connection ends.
func (s *stream) receive() {
	defer close(s.results)
	defer s.cancel()
	var through, begin time.Duration // sound that was answered; where the phrase begins
	speaking := false
	for {
		_, data, err := s.conn.Read(s.ctx)
		if err != nil {
			s.end(err)
			return
		}
		var a answer
		if err := json.Unmarshal(data, &a); err != nil {
			s.err = fmt.Errorf("vosk-server: %w", err)
			return
		}
		last := s.answered(&through)
		switch {
		case a.Text != nil:
			s.tell(a.final(begin, through))
			speaking = false
			if last && s.finished.Load() {
				_ = s.conn.Close(websocket.StatusNormalClosure, "")
				return
			}
		case a.Partial != nil && *a.Partial != "":
			if !speaking {
				speaking, begin = true, max(0, through-partialDelay)
			}
			s.tell(stt.Result{Kind: stt.Interim, Text: *a.Partial, Start: begin, End: through})
		}
	}
}

// partialDelay is about how long a word is spoken before it shows in a partial.
const partialDelay = 300 * time.Millisecond

// end notes why the connection ended.
func (s *stream) end(err error) {
	if s.closed.Load() {
		return
	}
	if s.finished.Load() && websocket.CloseStatus(err) != -1 {
		return // the server has said all
	}
	if s.finished.Load() && s.ctx.Err() != nil {
		err = errors.New("no last answer in time")
	}
	s.err = fmt.Errorf("vosk-server: %w", err)
}

// answered moves through over the frame that an answer is for. It reports
// whether there is no further one.
func (s *stream) answered(through *time.Duration) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sizes) == 0 {
		return true
	}
	*through += stt.Length(int64(s.sizes[0]))
	s.sizes = s.sizes[1:]
	return false
}

// final makes a result of a phrase that is over.
func (a *answer) final(begin, through time.Duration) stt.Result {
	r := stt.Result{Kind: stt.Final, Text: strings.TrimSpace(*a.Text), Start: begin, End: through, Through: through}
	if n := len(a.Result); n > 0 {
		r.Start, r.End = seconds(a.Result[0].Start), seconds(a.Result[n-1].End)
		for _, w := range a.Result {
			r.Confidence += w.Conf / float64(n)
		}
	}
	return r
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (s *stream) tell(r stt.Result) {
	select {
	case s.results <- r:
	case <-s.ctx.Done():
	}
}
