// Package whisper recognises speech through any server of the OpenAI
// transcriptions endpoint: whisper.cpp, faster-whisper, LocalAI, vLLM, the
// original. Those take whole utterances, so each stream cuts its sound into
// them by voice activity.
package whisper

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"offhook/media/vad"
	"offhook/media/wav"
	"offhook/outbound"
	"offhook/speech"
	"offhook/speech/stt"
)

// Options set up an engine.
type Options struct {
	URL     string        // to which /audio/transcriptions is appended, such as https://api.openai.com/v1
	Model   string        // empty: whisper-1
	APIKey  string        // sent as a bearer token; never logged
	VAD     vad.Config    // zero: utterances end after 700 ms of silence, and are cut at 20 s
	Lead    time.Duration // kept before and after the voice; 0: 300 ms
	Timeout time.Duration // of one utterance; 0: 20 s
	Client  *http.Client  // nil: one that may reach private addresses, as the operator chose the URL
}

// Engine implements stt.Engine.
type Engine struct {
	opt Options
	url string
}

var _ stt.Engine = (*Engine)(nil)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 1 << 20

// New makes an engine.
func New(o Options) *Engine {
	if o.Model == "" {
		o.Model = "whisper-1"
	}
	if o.VAD.Stop == 0 {
		o.VAD.Stop = 700 * time.Millisecond
	}
	if o.VAD.Longest == 0 {
		o.VAD.Longest = 20 * time.Second
	}
	if o.Lead == 0 {
		o.Lead = 300 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Client == nil {
		o.Client = outbound.NewClient(outbound.Policy{AllowPrivate: true, Timeout: o.Timeout, MaxBytes: maxAnswer})
	}
	e := &Engine{opt: o}
	if o.URL != "" {
		e.url = strings.TrimRight(o.URL, "/") + "/audio/transcriptions"
	}
	return e
}

// Name implements stt.Engine.
func (e *Engine) Name() string { return "openai" }

// Warm implements speech.Warmer.
func (e *Engine) Warm(ctx context.Context) {
	speech.Touch(ctx, e.opt.Client, strings.TrimRight(e.opt.URL, "/"), e.opt.APIKey)
}

// Open implements stt.Engine. It connects to nothing yet.
func (e *Engine) Open(_ context.Context, o stt.Options) (stt.Stream, error) {
	if e.url == "" {
		return nil, fmt.Errorf("%w: set speech.stt.url to a server of the OpenAI transcriptions endpoint", stt.ErrNotConfigured)
	}
	s := &stream{
		e: e, opt: o, cut: newCutter(e.opt.VAD, e.opt.Lead, o.Whole),
		queue: make(chan utterance, 4), results: make(chan stt.Result, 16),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.work()
	return s, nil
}

// recognise sends one utterance and returns its text.
func (e *Engine) recognise(ctx context.Context, o stt.Options, pcm []int16) (string, error) {
	body, kind, err := e.form(o, pcm)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, e.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, body)
	if err != nil {
		return "", fmt.Errorf("%w: speech.stt.url: %w", stt.ErrNotConfigured, err)
	}
	req.Header.Set("Content-Type", kind)
	if e.opt.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+e.opt.APIKey)
	}
	res, err := e.opt.Client.Do(req)
	if err != nil {
		return "", fmt.Errorf("transcription server: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("transcription server: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return "", e.refused(res.StatusCode, raw)
	}
	var answer struct {
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Text == nil {
		return "", errors.New("transcription server: the answer has no text")
	}
	return clean(*answer.Text), nil
}

// form is the request's body and its type.
func (e *Engine) form(o stt.Options, pcm []int16) (io.Reader, string, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	fields := [][2]string{{"model", e.opt.Model}, {"response_format", "json"}}
	if language, _, _ := strings.Cut(o.Language, "-"); language != "" {
		fields = append(fields, [2]string{"language", strings.ToLower(language)})
	}
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return nil, "", err
		}
	}
	file, err := w.CreateFormFile("file", "speech.wav")
	if err != nil {
		return nil, "", err
	}
	sound := wav.AppendHeader(nil, stt.Rate, 1, int64(2*len(pcm)))
	for _, v := range pcm {
		sound = binary.LittleEndian.AppendUint16(sound, uint16(v))
	}
	if _, err := file.Write(sound); err != nil {
		return nil, "", err
	}
	return &body, w.FormDataContentType(), w.Close()
}

// refused turns an error status into what the operator can act on; the key is
// in no message.
func (e *Engine) refused(status int, raw []byte) error {
	var body struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	reason := http.StatusText(status)
	if json.Unmarshal(raw, &body) == nil && body.Error.Message != "" {
		reason = body.Error.Message
	}
	if e.opt.APIKey != "" {
		reason = strings.ReplaceAll(reason, e.opt.APIKey, "…")
	}
	err := fmt.Errorf("transcription server answered %d: %s", status, reason)
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: check speech.stt.api_key: %w", stt.ErrRefused, err)
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: check speech.stt.url and speech.stt.model: %w", stt.ErrRefused, err)
	}
	return err
}

// clean drops what these models write for sounds that are no words, such as
// [BLANK_AUDIO] and (coughs).
func clean(text string) string {
	text = strings.TrimSpace(text)
	for _, b := range []string{"[]", "()", "**"} {
		if len(text) > 1 && text[0] == b[0] && text[len(text)-1] == b[1] && strings.Count(text, b[:1]) <= len(text)/2 {
			return ""
		}
	}
	return text
}
