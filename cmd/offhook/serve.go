package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"offhook/api"
	"offhook/assistant"
	"offhook/assistant/transcribe"
	"offhook/call"
	"offhook/call/callflow"
	"offhook/call/conference"
	"offhook/campaign"
	"offhook/event"
	"offhook/flow/action"
	"offhook/media"
	"offhook/media/audio"
	"offhook/outbound"
	"offhook/queue"
	"offhook/resource"
	"offhook/sip"
	"offhook/speech"
	"offhook/speech/espeak"
	"offhook/speech/openai"
	"offhook/speech/stt"
	"offhook/store"
)

// serveCommand runs the server.
type serveCommand struct {
	Config    string   `help:"Configuration file (YAML); every key may also come from the environment, see docs/configuration.md." placeholder:"FILE"`
	Provision []string `help:"Resources to create or update at start (YAML or JSON)." placeholder:"FILE"`
	Log       string   `help:"Least important lines to log." enum:"debug,info,warn,error" default:"info"`
	Profile   string   `hidden:"" help:"Folder for profiles of the process." placeholder:"DIR"`
}

// Run serves until the context ends, then drains.
func (s serveCommand) Run(p program) error {
	cfg, err := LoadConfig(s.Config, p.environ)
	if err != nil {
		return err
	}
	cfg.Provision = append(cfg.Provision, s.Provision...)
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.Log)); err != nil {
		return err
	}
	log, endProfile := logger(p.stderr, level), func() error { return nil }
	if s.Profile != "" {
		if endProfile, err = startProfile(s.Profile, log); err != nil {
			return err
		}
	}
	server, err := Start(p.ctx, cfg, log, p.stdout)
	if err == nil {
		<-p.ctx.Done()
		err = server.Stop()
	}
	return errors.Join(err, endProfile())
}

func logger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// step is one part of the server that is started, and stopped after all that
// were started after it.
type step struct {
	name  string
	start func(context.Context) error
	stop  func(context.Context) error // nil: nothing to stop
}

// Server is a running offhook.
type Server struct {
	cfg     Config
	log     *slog.Logger
	out     io.Writer
	started []step
	live    context.Context // ends when background work shall end
	end     context.CancelFunc

	tls      *tls.Config // nil: nothing of it is configured
	dir      *dataDir
	db       *store.DB
	hub      *event.Hub
	webhooks *event.Webhooks
	speech   *speech.Cache
	audio    *audio.Library
	media    *media.Engine
	runner   *callflow.Runner
	exchange *call.Exchange
	rooms    *conference.Rooms
	stt      stt.Engine // nil: none is configured
	queues   *queue.Centre
	dialer   *campaign.Dialer
	api      *api.Server
	http     *http.Server
	listener net.Listener

	deliveries sync.WaitGroup // of webhooks

	key    string
	policy outbound.Policy

	transcription *transcribe.Service // nil: no recogniser is configured
	assistants    *assistant.Service
	turns         *prometheus.HistogramVec // how long assistants take to answer
}

// Start starts every part in order. What a newcomer should see goes to out.
func Start(ctx context.Context, cfg Config, log *slog.Logger, out io.Writer) (*Server, error) {
	s := &Server{cfg: cfg, log: log, out: out, policy: outbound.Policy{AllowPrivate: cfg.OutboundHTTP.AllowPrivate, Timeout: 30 * time.Second}}
	s.live, s.end = context.WithCancel(context.WithoutCancel(ctx))
	for _, st := range s.steps() {
		if err := st.start(ctx); err != nil {
			s.stop()
			return nil, fmt.Errorf("start %s: %w", st.name, err)
		}
		s.started = append(s.started, st)
	}
	return s, nil
}

// steps is the order of start; stop goes through it upside down.
func (s *Server) steps() []step {
	return []step{
		{"certificate", s.loadCertificate, nil},
		{"data_dir", s.takeDataDir, func(context.Context) error { return s.dir.Close() }},
		{"store", s.startStore, func(context.Context) error { return s.db.Close() }},
		{"access key", s.startKey, nil},
		{"events", s.startEvents, s.stopEvents},
		{"speech", s.startSpeech, s.stopSpeech},
		{"http socket", s.listenHTTP, s.closeSocket},
		{"media", s.startMedia, func(context.Context) error { return s.media.Close() }},
		{"calls", s.makeExchange, nil},
		{"dialer", s.makeDialer, nil},
		{"api", s.makeAPI, nil},
		{"resources", s.provision, nil},
		{"signalling", s.startExchange, s.stopExchange},
		{"campaigns", func(ctx context.Context) error { return s.dialer.Start(ctx) }, func(ctx context.Context) error { return s.dialer.Stop(ctx) }},
		{"retention", s.startRetention, nil},
		{"http", s.startHTTP, s.stopHTTP},
	}
}

// Stop drains and stops everything. Its error is what went wrong on the way.
func (s *Server) Stop() error {
	s.log.Info("stopping", "calls", s.exchange.Live(), "timeout", s.cfg.ShutdownTimeout)
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownTimeout)
	s.queues.Close()
	s.exchange.Drain(ctx)
	cancel()
	return s.stop()
}

// stepTimeout is how long one step may take to stop.
const stepTimeout = 10 * time.Second

func (s *Server) stop() error {
	var faults []error
	for i := len(s.started) - 1; i >= 0; i-- {
		st := s.started[i]
		if st.stop == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
		if err := st.stop(ctx); err != nil {
			faults = append(faults, fmt.Errorf("stop %s: %w", st.name, err))
		}
		cancel()
	}
	s.end()
	s.started = nil
	return errors.Join(faults...)
}

// loadCertificate comes first: it touches nothing and fails most often.
func (s *Server) loadCertificate(context.Context) (err error) {
	if err := s.cfg.SIP.TLS.check(s.cfg.SIP.Listen); err != nil {
		return err
	}
	s.tls, err = newTLS(s.cfg.SIP.TLS, s.log)
	return err
}

// takeDataDir comes before anything is opened in it.
func (s *Server) takeDataDir(context.Context) (err error) {
	if s.dir, err = openDataDir(s.cfg.DataDir); err != nil {
		return err
	}
	s.dir.keepBeating(func(err error) { s.log.Warn("heartbeat not written", "error", err) })
	return nil
}

func (s *Server) startStore(ctx context.Context) (err error) {
	s.db, err = store.Open(ctx, store.Options{URL: s.cfg.Store.URL, DataDir: s.cfg.DataDir, Logger: s.log})
	return err
}

// startKey finds the administrator's key: configured, else the one in
// data_dir, else a new one that is kept there and printed once.
func (s *Server) startKey(context.Context) error {
	if s.key = s.cfg.AccessKey; s.key != "" {
		return nil
	}
	path := keyPath(s.cfg.DataDir)
	raw, err := os.ReadFile(path)
	if err == nil {
		s.key = strings.TrimSpace(string(raw))
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	secret := make([]byte, 24)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	s.key = "ok_" + base64.RawURLEncoding.EncodeToString(secret)
	if err := os.WriteFile(path, []byte(s.key+"\n"), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "access key (kept in %s, shown this once): %s\n", path, s.key)
	return nil
}

func keyPath(dataDir string) string { return filepath.Join(dataDir, "accesskey") }

func (s *Server) startEvents(ctx context.Context) error {
	s.hub = event.NewHub()
	s.db.OnCommit(s.hub.Publish)
	s.webhooks = event.NewWebhooks(s.db, event.WebhookOptions{
		Client: outbound.NewClient(s.policy), Logger: s.log,
		Customer: func(ctx context.Context, id string) (*resource.Customer, error) { return s.api.Customer(ctx, id) },
	})
	return nil
}

// lastWords is how long a shutdown waits for flows that follow the last calls,
// and then for webhooks to get through. It is never longer than
// shutdown_timeout, and nothing waits when there is nothing left.
const lastWords = 3 * time.Second

func (s *Server) stopEvents(ctx context.Context) error {
	s.deliverLast(ctx)
	s.end() // ends deliveries; what is left stays in the outbox
	s.hub.Close()
	s.deliveries.Wait() // they settle in the store, which closes next
	return nil
}

// promptCache bounds the speech on disk.
const promptCache = 1 << 30

func (s *Server) startSpeech(ctx context.Context) error {
	engine := s.engine()
	if e, ok := engine.(interface{ Check(context.Context) error }); ok {
		if err := e.Check(ctx); err != nil {
			s.log.Warn("flows will not speak", "error", err)
		}
	}
	s.speech = speech.NewCache(engine, filepath.Join(s.cfg.DataDir, "speech"), promptCache)
	s.audio = audio.NewLibrary(audio.LibraryConfig{
		Client: outbound.NewClient(s.policy),
	})
	return nil
}

// deliverLast gives the webhooks of the calls that just ended a moment: who
// listens hears of the end now, and not at the next start.
func (s *Server) deliverLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, min(lastWords, s.cfg.ShutdownTimeout))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.db.Flush(ctx) == nil {
		waiting, err := s.db.Endpoints(ctx)
		if err != nil || len(waiting) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) stopSpeech(context.Context) error {
	s.audio.Close()
	s.speech.Close()
	return nil
}

// engine is the configured speech engine.
func (s *Server) engine() speech.Synthesizer {
	c := s.cfg.Speech.TTS
	if c.Engine == "openai" {
		return openai.New(openai.Options{URL: c.URL, Model: c.Model, Voice: c.Voice, APIKey: c.APIKey})
	}
	return espeak.New(espeak.Options{Voice: c.Voice, Logger: s.log})
}

func (s *Server) startMedia(context.Context) (err error) {
	low, high, err := s.cfg.RTP.span()
	if err != nil {
		return err
	}
	s.media, err = media.New(media.Config{MinPort: low, MaxPort: high, RTPTimeout: s.cfg.RTP.Timeout, Logger: s.log})
	return err
}

func (s *Server) makeExchange(ctx context.Context) (err error) {
	web := callflow.Web{DB: s.db, Client: outbound.NewClient(outbound.Policy{
		AllowPrivate: s.cfg.OutboundHTTP.AllowPrivate, Timeout: 10 * time.Second, MaxBytes: 1 << 20,
	})}
	s.runner = callflow.New(callflow.Config{DB: s.db, Verbs: action.Verbs, Web: web, Logger: s.log})
	s.exchange, err = call.New(call.Config{
		SIP:   sip.Config{Listen: s.cfg.SIP.Listen, UserAgent: "offhook", Logger: s.log, TLS: s.tls, SessionExpires: s.cfg.SIP.SessionExpires},
		Media: s.media, DB: s.db, Speech: s.speech, Audio: s.audio,
		RecordingDir: filepath.Join(s.cfg.DataDir, "recordings"), Codecs: s.cfg.Codecs,
		Domain: s.cfg.SIP.Domain, ExternalIP: s.cfg.SIP.ExternalIP, AdminCustomerID: resource.AdminCustomerID,
		MaxCalls: s.cfg.MaxCalls, RequireOwnedSource: s.cfg.RequireOwnedSource, Logger: s.log,
		Run: s.runner.Run, Recorded: s.runner.Recorded, Music: s.music,
		RecordingURL: func(r resource.Recording) string { return s.api.RecordingURL(r) },
		LastAlive:    s.dir.lastAlive,
	})
	if err != nil {
		return err
	}
	s.rooms = conference.New(conference.Config{DB: s.db, Exchange: s.exchange, Recorded: s.runner.Recorded, Logger: s.log})
	s.runner.Use(s.exchange, callflow.Services{Rooms: s.rooms.Of, Queues: s.queuesOf, Transcribe: s.transcribesOf, Assistant: s.assistantOf, Writing: s.assistantInWriting})
	return errors.Join(s.runner.Recover(ctx), s.rooms.Recover(ctx), s.startQueues(ctx), s.startTranscribes(ctx), s.startAssistants(ctx, web))
}

func (s *Server) makeAPI(ctx context.Context) (err error) {
	registry := prometheus.NewRegistry()
	if err := s.register(registry); err != nil {
		return err
	}
	s.api, err = api.New(ctx, api.Config{
		Store: s.db, Accesskey: s.key, Events: s.hub, Metrics: registry, Logger: s.log, Verbs: action.Verbs, Version: versionText(),
		RequireOwnedSource: s.cfg.RequireOwnedSource, Domain: s.domain,
		BaseURL:       s.baseURL,
		RecordingFile: func(r resource.Recording) string { return s.exchange.RecordingFile(&r) },
		Changed:       s.changed,
		Conferences:   conferences{s.rooms}, Queues: queues{s}, Campaigns: campaigns{s.dialer}, Transcribes: s.transcribesAPI(), Assistants: assistantsAPI{s},
		Live: live{s.runner, s.exchange}, Registrations: registrations{s.exchange}, Carriers: carriers{s.exchange},
	})
	if err != nil {
		return err
	}
	for _, c := range s.api.Collectors() {
		if err := registry.Register(c); err != nil {
			return err
		}
	}
	s.deliveries.Go(func() { s.webhooks.Run(s.live) })
	return nil
}

// domain is where phones register, as the API shows it.
func (s *Server) domain() string {
	if s.cfg.SIP.Domain != "" {
		return s.cfg.SIP.Domain
	}
	if s.cfg.SIP.ExternalIP != "" {
		return s.cfg.SIP.ExternalIP
	}
	name, err := os.Hostname()
	if err != nil {
		return "offhook"
	}
	return name
}

// baseURL is where others reach the API, as far as the configuration tells.
func (s *Server) baseURL() string {
	at := s.listener.Addr().(*net.TCPAddr)
	host := at.IP.String()
	switch {
	case !at.IP.IsUnspecified():
	case s.cfg.SIP.ExternalIP != "":
		host = s.cfg.SIP.ExternalIP
	default:
		host = ownAddress()
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(at.Port))
}

// ownAddress is this machine's address towards others; without a network it is
// the loopback's.
func ownAddress() string {
	conn, err := net.Dial("udp4", "192.0.2.1:9") // sends nothing
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String()
}

// changed lets the exchange, conferences and queues heed a changed resource at once.
func (s *Server) changed(_, action string, row any) {
	s.queuesChanged(row, action == "deleted")
	s.dialer.Changed(row, action == "deleted")
	if c, ok := row.(*resource.Conference); ok {
		s.rooms.Changed(c, action == "deleted")
	}
	s.exchange.Changed(s.live, row, action == "deleted")
}

// provision applies the provisioning files.
func (s *Server) provision(ctx context.Context) error {
	for _, path := range s.cfg.Provision {
		body, err := readResources(path)
		if err != nil {
			return err
		}
		applied, err := s.api.Provision(ctx, body)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		s.log.Info("provisioned", "file", path, "resources", len(applied))
	}
	return nil
}

func (s *Server) startExchange(ctx context.Context) error {
	if err := s.exchange.Start(s.live); err != nil {
		return err
	}
	return s.resumeQueues(ctx)
}

func (s *Server) stopExchange(ctx context.Context) error {
	s.exchange.Drain(ctx)
	last, cancel := context.WithTimeout(ctx, min(lastWords, s.cfg.ShutdownTimeout))
	s.runner.Wait(last) // flows that follow calls have a moment too
	cancel()
	return errors.Join(s.rooms.Close(ctx), s.assistants.Close(ctx), s.closeTranscribes(ctx), s.exchange.Close(ctx))
}

// listenHTTP takes the API's socket early: links to the API are made of it.
func (s *Server) listenHTTP(ctx context.Context) (err error) {
	s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.HTTP.Listen)
	return err
}

// closeSocket closes it where the API never came to serve on it.
func (s *Server) closeSocket(context.Context) error {
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (s *Server) startHTTP(context.Context) error {
	s.http = &http.Server{
		Handler: s.api, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("http", "error", err)
		}
	}()
	s.log.Info("ready", "api", "http://"+s.listener.Addr().String(), "sip", s.exchange.Addrs())
	return nil
}

func (s *Server) stopHTTP(ctx context.Context) error {
	return errors.Join(s.http.Shutdown(ctx), s.api.Shutdown(ctx))
}
