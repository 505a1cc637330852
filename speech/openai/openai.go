// Package openai speaks through any server of the OpenAI speech endpoint:
// OpenAI itself, Kokoro, Piper, XTTS, LocalAI and others behind it.
package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"offhook/media/audio"
	"offhook/outbound"
	"offhook/speech"
)

// Options set up an engine.
type Options struct {
	URL     string       // to which /audio/speech is appended, such as https://api.openai.com/v1
	Model   string       // empty: tts-1
	Voice   string       // where a request has none; empty: alloy
	APIKey  string       // sent as a bearer token; never logged
	Format  string       // wav, pcm or mp3; empty: wav. What comes back is read by its own type
	Workers int          // requests at once; 0: 8
	Client  *http.Client // nil: one that may reach private addresses, as the operator chose the URL
	Logger  *slog.Logger // nil: slog.Default
}

// Engine implements speech.Synthesizer.
type Engine struct {
	opt     Options
	url     string
	workers chan struct{}
}

var _ speech.Synthesizer = (*Engine)(nil)

// New makes an engine; a missing URL shows as speech.ErrNotConfigured when it
// is asked to speak.
func New(o Options) *Engine {
	for _, d := range []struct {
		field *string
		value string
	}{{&o.Model, "tts-1"}, {&o.Voice, "alloy"}, {&o.Format, "wav"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if o.Workers <= 0 {
		o.Workers = 8
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Client == nil {
		o.Client = outbound.NewClient(outbound.Policy{AllowPrivate: true, Timeout: 2 * time.Minute, MaxBytes: 256 << 20})
	}
	e := &Engine{opt: o, workers: make(chan struct{}, o.Workers)}
	if o.URL != "" {
		e.url = strings.TrimRight(o.URL, "/") + "/audio/speech"
	}
	return e
}

// Name tells engines apart whose audio differs for the same request.
func (e *Engine) Name() string {
	return "openai/" + e.url + "/" + e.opt.Model + "/" + e.opt.Voice
}

// Warm implements speech.Warmer.
func (e *Engine) Warm(ctx context.Context) {
	speech.Touch(ctx, e.opt.Client, strings.TrimRight(e.opt.URL, "/"), e.opt.APIKey)
}

// rawRate is the rate of the endpoint's pcm format, 16 bits little-endian mono.
const rawRate = 24000

// Synthesize implements speech.Synthesizer. The endpoint takes no SSML and
// finds the language itself, so markup is dropped and Language not sent.
func (e *Engine) Synthesize(ctx context.Context, r speech.Request) (*audio.Clip, error) {
	if e.url == "" {
		return nil, fmt.Errorf("%w: set speech.tts.url to a server of the OpenAI speech endpoint", speech.ErrNotConfigured)
	}
	if err := speech.CheckText(r.Text); err != nil {
		return nil, err
	}
	r.Text = speech.Plain(r.Text)
	if strings.TrimSpace(r.Text) == "" {
		return speech.Silent(rawRate), nil
	}
	select {
	case e.workers <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("speech server: %w", context.Cause(ctx))
	}
	release := func() { <-e.workers }
	voice := r.Voice
	if voice == "" {
		voice = e.opt.Voice
	}
	body, kind, err := e.post(ctx, r.Text, voice)
	if errors.Is(err, errRequest) && voice != e.opt.Voice { // another engine's voice, perhaps
		e.opt.Logger.Warn("speech server refuses the request; trying its default voice", "voice", voice, "instead", e.opt.Voice, "error", err)
		body, kind, err = e.post(ctx, r.Text, e.opt.Voice)
	}
	if err != nil {
		release()
		return nil, err
	}
	clip, err := receive(body, kind, release)
	if err != nil {
		return nil, fmt.Errorf("speech server %s: %w", e.url, err)
	}
	return clip, nil
}

// post sends the request and returns the audio's stream and its MIME type.
func (e *Engine) post(ctx context.Context, text, voice string) (io.ReadCloser, string, error) {
	b, err := json.Marshal(map[string]string{
		"model": e.opt.Model, "input": text, "voice": voice, "response_format": e.opt.Format,
	})
	if err != nil {
		return nil, "", fmt.Errorf("speech server: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(b))
	if err != nil {
		return nil, "", fmt.Errorf("%w: speech.tts.url: %w", speech.ErrNotConfigured, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if e.opt.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+e.opt.APIKey)
	}
	res, err := e.opt.Client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, "", fmt.Errorf("speech server: %w", err)
		}
		return nil, "", fmt.Errorf("%w: no answer; is speech.tts.url right and the server up? %w", speech.ErrUnavailable, err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, "", e.refused(res)
	}
	return res.Body, e.kind(res.Header), nil
}

// kind is the type of the audio: what the server says, or what was asked for.
func (e *Engine) kind(h http.Header) string {
	t, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || t == "application/octet-stream" {
		return e.opt.Format
	}
	if t == "audio/pcm" || t == "audio/l16" {
		if hz := params["rate"]; hz != "" {
			return "pcm " + hz
		}
		return "pcm"
	}
	return t
}

// errRequest is wrapped by errors of a server that does not like the request.
var errRequest = errors.New("speech server refuses the request")

// refused turns an error status into what the operator can act on; the key is
// in no message.
func (e *Engine) refused(res *http.Response) error {
	said, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	var body struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	reason := http.StatusText(res.StatusCode)
	if json.Unmarshal(said, &body) == nil && body.Error.Message != "" {
		reason = body.Error.Message
	}
	if e.opt.APIKey != "" {
		reason = strings.ReplaceAll(reason, e.opt.APIKey, "…")
	}
	hint := ""
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		hint = "check speech.tts.api_key"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		hint = "check speech.tts.url and speech.tts.model"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %s answered %d: %s", errRequest, e.url, res.StatusCode, reason)
	default:
		hint = "the server cannot speak at present"
	}
	return fmt.Errorf("%w: %s answered %d: %s: %s", speech.ErrUnavailable, e.url, res.StatusCode, hint, reason)
}

// receive decodes the stream and returns with its first audio. It closes body
// and calls release once, when all is read.
func receive(body io.ReadCloser, kind string, release func()) (*audio.Clip, error) {
	end := func() { _ = body.Close(); release() }
	dec, err := decoder(body, kind)
	if err != nil {
		end()
		return nil, err
	}
	first := make([]int16, 2048)
	n, err := dec.Read(first)
	if err != nil {
		end()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: no samples", audio.ErrFormat)
		}
		return nil, err
	}
	clip := audio.NewClip(dec.Rate())
	clip.Append(first[:n])
	go func() {
		defer end()
		_ = dec.CopyTo(clip, audio.MaxDuration) // the clip carries the error
	}()
	return clip, nil
}

func decoder(r io.Reader, kind string) (*audio.Decoder, error) {
	raw, ok := strings.CutPrefix(kind, "pcm")
	if !ok {
		return audio.NewDecoder(r, kind)
	}
	hz := rawRate
	if raw != "" {
		n, err := strconv.Atoi(strings.TrimSpace(raw))
		if err != nil || n < 8000 || n > audio.MaxRate {
			return nil, fmt.Errorf("%w: PCM of %s Hz", audio.ErrFormat, raw)
		}
		hz = n
	}
	return audio.NewRawDecoder(r, hz), nil
}
