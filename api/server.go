// Package api is offhook's HTTP API: resources, call control, provisioning,
// the event feed and their documentation.
//
// Most resources are one value of type collection (kit.go); what acts on live
// calls goes through the small interfaces of live.go. Requests are checked
// against the same schemas that GET /openapi.json publishes.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"offhook/flow"
	"offhook/resource"
	"offhook/store"
)

// Config is what the API serves and what it asks.
type Config struct {
	Store     *store.DB
	Accesskey string              // the administrator's; empty: there is no administrator
	Events    Feed                // GET /v1.0/ws; nil: 503
	Metrics   prometheus.Gatherer // GET /metrics; nil: 503
	Logger    *slog.Logger        // nil: slog.Default
	Verbs     *flow.Verbs         // of flows; needed
	Version   string              // for the documentation

	RequireOwnedSource bool                                   // a tel source must be one of the customer's numbers
	Domain             func() string                          // SIP domain that extensions register at; nil: unknown
	RecordingFile      func(resource.Recording) (path string) // where a finished recording lies; nil: no downloads
	Changed            func(kind, action string, row any)     // told after each change of a resource: created, updated or deleted, with *T
	BaseURL            func() string                          // for links in events, such as http://192.0.2.1:8080; requests use the host that they were sent to; nil: links without a host

	Live          Live
	Conferences   Conferences
	Queues        Queues
	Campaigns     Campaigns
	Transcribes   Transcribes
	Assistants    Assistants
	Registrations Registrations
	Carriers      Carriers
}

// Feed serves the WebSocket of events to one customer; see event.Hub.
type Feed interface {
	ServeWS(w http.ResponseWriter, r *http.Request, customerID string)
}

// Server answers the API's requests. It is an http.Handler and safe for
// concurrent use.
type Server struct {
	cfg          Config
	db           *store.DB
	log          *slog.Logger
	guard        *guard
	metrics      *metrics
	adminHash    string
	huma         huma.API
	schemas      huma.Registry
	mux          *http.ServeMux
	openapi      []byte
	provisioners map[string]provisioner
	imports      sync.Map       // importKey → resource.Import, the last one
	claims       sync.Map       // ids that clients chose and that are being used
	tasks        sync.WaitGroup // what goes on after its request was answered
	ctx          context.Context
	stop         context.CancelFunc
}

// New returns a server for a store. It creates the administrator's customer
// when it is missing.
func New(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, db: cfg.Store, log: cfg.Logger, guard: newGuard(time.Now), metrics: newMetrics(), mux: http.NewServeMux(), provisioners: map[string]provisioner{}}
	if s.log == nil {
		s.log = slog.Default()
	}
	if cfg.Accesskey != "" {
		s.adminHash = digest(cfg.Accesskey)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if cfg.Store == nil || cfg.Verbs == nil {
		return nil, errors.New("api: Store and Verbs are needed")
	}
	if err := s.ensureAdmin(ctx); err != nil {
		return nil, fmt.Errorf("administrator's customer: %w", err)
	}
	s.describe()
	s.register()
	var err error
	if s.openapi, err = s.render(); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return s, nil
}

// describe prepares the OpenAPI document.
func (s *Server) describe() {
	config := huma.Config{OpenAPI: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "offhook", Version: s.cfg.Version, Description: "Programmable telephone exchange: calls, flows, events."},
		Servers: []*huma.Server{{URL: "/v1.0"}, {URL: "/v1", Description: "The same"}},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer":    {Type: "http", Scheme: "bearer"},
				"accesskey": {Type: "apiKey", In: "query", Name: "accesskey"},
				"token":     {Type: "apiKey", In: "query", Name: "token"},
			},
		},
		Security: []map[string][]string{{"bearer": {}}, {"accesskey": {}}, {"token": {}}},
	}}
	config.FieldsOptionalByDefault = true
	s.huma = huma.NewAPI(config, humago.NewAdapter(s.mux, "/v1.0"))
	s.schemas = s.huma.OpenAPI().Components.Schemas
}

// register mounts everything.
func (s *Server) register() {
	s.registerOpen()
	s.registerAccounts()
	s.registerNumbering()
	s.registerFlows()
	s.registerCalls()
	s.registerTransfers()
	s.registerRecordings()
	s.registerConferences()
	s.registerQueues()
	s.registerCampaigns()
	s.registerTranscribes()
	s.registerAssistants()
	s.registerProvision()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("X-Request-Id")
	if !idPattern.MatchString(id) {
		id = "req_" + resource.NewID()
	}
	w.Header().Set("X-Request-Id", id)
	defer s.recover(w, r)
	if path, ok := strings.CutPrefix(r.URL.Path, "/v1/"); ok {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = "/v1.0/"+path, ""
	}
	if !open[r.URL.Path] {
		who, ok := s.linked(r)
		if !ok {
			var err error
			if who, err = s.authenticate(r); err != nil {
				s.metrics.refused.Inc()
				s.fail(w, r, err)
				return
			}
		}
		ctx := context.WithValue(r.Context(), principalKey{}, who)
		r = r.WithContext(context.WithValue(ctx, baseKey{}, base(r)))
	}
	if handler, pattern := s.mux.Handler(r); pattern == "" {
		s.unrouted(w, r, handler)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// recover answers for a handler that panicked. The rest of the server goes on.
func (s *Server) recover(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil || v == http.ErrAbortHandler {
		return
	}
	s.log.Error("panic in a request", "method", r.Method, "path", r.URL.Path,
		"request_id", w.Header().Get("X-Request-Id"), "panic", v, "stack", string(debug.Stack()))
	e, _ := asError(errors.New("panic"))
	e.write(w)
}

// unrouted words the answers of the mux to unknown paths and methods.
func (s *Server) unrouted(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	probe := &statusProbe{header: http.Header{}}
	handler.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		allow := probe.header.Get("Allow")
		w.Header().Set("Allow", allow)
		s.fail(w, r, newError("METHOD_NOT_ALLOWED", "METHOD_NOT_ALLOWED", "%s is not offered at %s; it has %s", r.Method, r.URL.Path, allow))
		return
	}
	s.fail(w, r, newError("NOT_FOUND", "ROUTE_NOT_FOUND", "there is nothing at %s; GET /openapi.json lists what there is", r.URL.Path))
}

// statusProbe takes a handler's status and throws its text away.
type statusProbe struct {
	header http.Header
	status int
}

func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *statusProbe) WriteHeader(status int)      { p.status = status }

// Shutdown waits for what requests left behind, such as digits still being
// sent, until ctx ends; then it cuts them off.
func (s *Server) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() { s.tasks.Wait(); close(done) }()
	select {
	case <-done:
		s.stop()
		return nil
	case <-ctx.Done():
		s.stop()
		<-done
		return ctx.Err()
	}
}

// background runs what outlives its request.
func (s *Server) background(task func(context.Context)) {
	s.tasks.Go(func() { task(s.ctx) })
}

// changed tells the rest of the program that a resource changed.
func (s *Server) changed(kind, action string, row any) {
	if s.cfg.Changed != nil {
		s.cfg.Changed(kind, action, row)
	}
}

// resolve follows a reference to a schema.
func (s *Server) resolve(schema *huma.Schema) *huma.Schema {
	for schema.Ref != "" {
		schema = s.schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}

// badToken words the store's refusal of a page_token.
func badToken(err error) error {
	if errors.Is(err, store.ErrToken) {
		return newError("INVALID_ARGUMENT", "INVALID_REQUEST_PARAMETER", "page_token must be a next_page_token of this server, as it was given")
	}
	return err
}
