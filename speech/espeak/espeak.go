// Package espeak speaks through the espeak-ng program, which comes with every
// distribution, knows over a hundred languages and starts within milliseconds.
package espeak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"offhook/media/audio"
	"offhook/speech"
)

// Options set up an engine; zero values give the defaults.
type Options struct {
	Path     string        // of the program; empty: espeak-ng, looked for in PATH
	Language string        // BCP 47, where a request has none; empty: en-US
	Voice    string        // where a request has none
	Speed    int           // words a minute; 0: 160
	Workers  int           // programs at once; 0: twice the processors
	Timeout  time.Duration // for one text; 0: 2 minutes
	Logger   *slog.Logger  // nil: slog.Default
}

// Engine implements speech.Synthesizer.
type Engine struct {
	opt     Options
	workers chan struct{}

	mu     sync.Mutex
	voices *voices         // nil until the program was asked
	warned map[string]bool // languages and voices that were not found
}

var _ speech.Synthesizer = (*Engine)(nil)

// New makes an engine. Whether the program is there shows at the first use, or
// at Check.
func New(o Options) *Engine {
	if o.Path == "" {
		o.Path = "espeak-ng"
	}
	if o.Language == "" {
		o.Language = "en-US"
	}
	if o.Speed == 0 {
		o.Speed = 160
	}
	if o.Workers <= 0 {
		o.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Engine{opt: o, workers: make(chan struct{}, o.Workers), warned: map[string]bool{}}
}

// Name tells engines apart whose audio differs for the same request.
func (e *Engine) Name() string {
	return fmt.Sprintf("espeak/%s/%s/%d", e.opt.Language, e.opt.Voice, e.opt.Speed)
}

// Check asks the program for its voices; the error wraps ErrUnavailable.
func (e *Engine) Check(ctx context.Context) error {
	_, err := e.known(ctx)
	return err
}

// rate is what espeak-ng's own voices have; used for clips without audio only.
const rate = 22050

// Synthesize implements speech.Synthesizer. The text goes to the program's
// standard input, never through a shell, and of SSML only the elements that
// speech.Safe knows.
func (e *Engine) Synthesize(ctx context.Context, r speech.Request) (*audio.Clip, error) {
	if err := speech.CheckText(r.Text); err != nil {
		return nil, err
	}
	if strings.TrimSpace(speech.Plain(r.Text)) == "" {
		return speech.Silent(rate), nil
	}
	known, err := e.known(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{"--stdin", "--stdout", "-b", "1", "-z", "-s", fmt.Sprint(e.opt.Speed), "-v", e.voice(known, r)}
	text := strings.ReplaceAll(r.Text, "\x00", " ")
	if speech.IsSSML(text) {
		args, text = append(args, "-m"), speech.Safe(text)
	}
	select {
	case e.workers <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("espeak-ng: %w", context.Cause(ctx))
	}
	limited, cancel := context.WithTimeout(ctx, e.opt.Timeout)
	p := &process{release: func() { cancel(); <-e.workers }}
	clip, err := p.start(exec.CommandContext(limited, e.opt.Path, args...), text)
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	return clip, nil
}

// explain turns a failure into what the operator or the caller can act on.
func (e *Engine) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("espeak-ng: %w", cause)
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, errStart) {
		return fmt.Errorf("%w: cannot run %s: install it (apt-get install espeak-ng) or set speech.tts.engine to openai: %w",
			speech.ErrUnavailable, e.opt.Path, err)
	}
	return fmt.Errorf("espeak-ng: %w", err)
}

var errStart = errors.New("program does not start")

// process is one run of the program.
type process struct {
	cmd     *exec.Cmd
	out     io.Reader
	stderr  tail
	release func()

	once sync.Once
	err  error
}

// start runs the program and returns with its first audio. release is called
// once, when the program has ended.
func (p *process) start(cmd *exec.Cmd, text string) (*audio.Clip, error) {
	p.cmd = cmd
	cmd.Stdin = strings.NewReader(text)
	cmd.Stderr = &p.stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.release()
		return nil, fmt.Errorf("%w: %w", errStart, err)
	}
	p.out = out
	dec, err := audio.NewDecoder(p, "audio/wav")
	if err != nil {
		return nil, p.abort(err)
	}
	first := make([]int16, 2048)
	n, err := dec.Read(first)
	if err != nil && err != io.EOF {
		return nil, p.abort(err)
	}
	clip := audio.NewClip(dec.Rate())
	clip.Append(first[:n])
	if err == io.EOF {
		clip.Close(nil)
		return clip, nil
	}
	go func() {
		if err := dec.CopyTo(clip, audio.MaxDuration); err != nil {
			_ = p.abort(err)
		}
	}()
	return clip, nil
}

// Read gives the program's output; where that ends, its exit decides between
// io.EOF and an error, so that a clip never looks complete that is not.
func (p *process) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if n > 0 || err == nil {
		return n, nil
	}
	if werr := p.wait(); werr != nil {
		return 0, werr
	}
	return 0, io.EOF
}

// abort ends the program and gives its own complaint where it had one.
func (p *process) abort(err error) error {
	_ = p.cmd.Process.Kill()
	if werr := p.wait(); werr != nil && p.stderr.Len() > 0 {
		return werr
	}
	return err
}

func (p *process) wait() error {
	p.once.Do(func() {
		p.err = p.cmd.Wait()
		p.release()
		if p.err != nil && p.stderr.Len() > 0 {
			p.err = fmt.Errorf("%w: %s", p.err, p.stderr.String())
		}
	})
	return p.err
}

// tail keeps the first bytes of what is written to it.
type tail struct{ bytes.Buffer }

func (t *tail) Write(b []byte) (int, error) {
	if room := 512 - t.Len(); room > 0 {
		t.Buffer.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (t *tail) String() string { return strings.TrimSpace(t.Buffer.String()) }
