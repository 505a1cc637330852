package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Bodies are bounded; lists of targets may be long.
const (
	maxBody   = 1 << 20
	maxImport = 64 << 20
)

// request is one request on its way through a handler.
type request struct {
	*http.Request
	w   http.ResponseWriter
	who principal
	raw []byte // the body
}

func (r *request) id() string { return r.PathValue("id") }

// handled is what a handler returns that has written its answer itself.
type handled struct{}

// endpoint is one operation: how it is documented and how it is served.
type endpoint struct {
	method, path string
	name         string // operationId
	tag          string // heading in the documentation; the collection
	doc          string
	query        []parameter
	body         *huma.Schema // nil: none is read
	bodyTypes    []string     // content types besides JSON
	maxBody      int64        // 0: maxBody
	answer       *huma.Schema // nil: not JSON
	answerTypes  []string     // content types when not JSON
	lines        bool         // with Accept: application/x-ndjson the answer is lines of progress and the answer
	admin        bool         // others get 404
	serve        func(*request) (any, error)
}

// parameter is one of the query.
type parameter struct {
	name, doc string
	enum      []any
	integer   bool
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// mount serves and documents an endpoint below /v1.0.
func (s *Server) mount(e endpoint) {
	op := &huma.Operation{
		Method: e.method, Path: e.path, OperationID: e.name, Summary: e.doc, Tags: []string{e.tag},
		Responses: map[string]*huma.Response{"default": {
			Description: "Error",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schemaFor[envelope](s)}},
		}},
	}
	for _, m := range pathParameter.FindAllStringSubmatch(e.path, -1) {
		op.Parameters = append(op.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	for _, q := range e.query {
		schema := &huma.Schema{Type: huma.TypeString, Enum: q.enum}
		if q.integer {
			schema.Type = huma.TypeInteger
		}
		op.Parameters = append(op.Parameters, &huma.Param{Name: q.name, In: "query", Description: q.doc, Schema: schema})
	}
	if e.body != nil {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Schema: e.body}}}
		for _, t := range e.bodyTypes {
			op.RequestBody.Content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		}
	}
	op.Responses["200"] = documentAnswer(e)
	s.huma.OpenAPI().AddOperation(op)
	s.huma.Adapter().Handle(op, func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		s.answer(e, r, w)
	})
}

func documentAnswer(e endpoint) *huma.Response {
	content := map[string]*huma.MediaType{}
	if e.answer != nil {
		content["application/json"] = &huma.MediaType{Schema: e.answer}
	}
	if e.lines {
		content[lineStream] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	for _, t := range e.answerTypes {
		content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return &huma.Response{Description: "Success", Content: content}
}

// answer serves one request to an endpoint.
func (s *Server) answer(e endpoint, r *http.Request, w http.ResponseWriter) {
	start, code := time.Now(), http.StatusInternalServerError // when it panics
	defer func() { s.metrics.served(e.name, code, time.Since(start)) }()
	code = s.respond(e, r, w)
}

func (s *Server) respond(e endpoint, r *http.Request, w http.ResponseWriter) (code int) {
	who, _ := r.Context().Value(principalKey{}).(principal)
	if e.admin && !who.Admin {
		return s.fail(w, r, newError("NOT_FOUND", "RESOURCE_NOT_FOUND", "there is no %s", r.URL.Path))
	}
	req := &request{Request: r, w: w, who: who}
	var err error
	if e.method == http.MethodGet || strings.Contains(e.path, "{id}") {
		// What calls write is committed a moment later; whoever saw it happen
		// must find it.
		if err = s.db.Flush(r.Context()); err != nil {
			return s.fail(w, r, err)
		}
	}
	if e.body != nil {
		if req.raw, err = readBody(w, r, e.maxBody); err != nil {
			return s.fail(w, r, err)
		}
	}
	v, err := e.serve(req)
	if err != nil {
		return s.fail(w, r, err)
	}
	if _, done := v.(handled); !done {
		writeJSON(w, v)
	}
	return http.StatusOK
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(v) // fails only when the client is gone
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if limit == 0 {
		limit = maxBody
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, newError("PAYLOAD_TOO_LARGE", "BODY_TOO_LARGE", "the body is larger than %d bytes; send less at a time", limit)
	case err != nil:
		return nil, newError("INVALID_ARGUMENT", "INVALID_BODY", "the body can't be read: %v", err)
	}
	return raw, nil
}

// fail answers with an error, logs what should not have happened, and returns
// the HTTP status.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) int {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return 499 // the client has gone; nobody reads an answer
	}
	e, unexpected := asError(err)
	if unexpected {
		s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "request_id", w.Header().Get("X-Request-Id"), "error", err)
	}
	e.write(w)
	return e.Code
}

// command registers an endpoint that takes a body of type B. The body is
// checked against B's schema before fn sees it.
func command[B, A any](s *Server, e endpoint, fn func(*request, *B) (A, error)) {
	e.body = schemaFor[B](s)
	body := s.resolve(e.body)
	body.Properties["customer_id"] = &huma.Schema{Type: huma.TypeString, Description: "Accepted and ignored: the access key decides"}
	body.PrecomputeMessages()
	if e.answer == nil && e.answerTypes == nil {
		e.answer = schemaFor[A](s)
	}
	schema := e.body
	e.serve = func(r *request) (any, error) {
		b, _, err := decode[B](s, schema, r.raw)
		if err != nil {
			return nil, err
		}
		return fn(r, b)
	}
	s.mount(e)
}

// query registers an endpoint without a body.
func query[A any](s *Server, e endpoint, fn func(*request) (A, error)) {
	if e.answer == nil && e.answerTypes == nil {
		e.answer = schemaFor[A](s)
	}
	e.serve = func(r *request) (any, error) { return fn(r) }
	s.mount(e)
}

// schemaOf is the JSON schema of a Go type, shared by documentation and checks.
func (s *Server) schemaOf(t reflect.Type) *huma.Schema {
	return s.schemas.Schema(t, true, t.Name())
}

// schemaFor is the schema of a Go type.
func schemaFor[T any](s *Server) *huma.Schema { return s.schemaOf(reflect.TypeFor[T]()) }

// page reads page_size and page_token.
func (r *request) page() (size int, token string, err error) {
	q := r.URL.Query()
	size = 100
	if v := q.Get("page_size"); v != "" {
		size, err = strconv.Atoi(v)
		if err != nil || size < 1 || size > 100 {
			return 0, "", newError("INVALID_ARGUMENT", "INVALID_REQUEST_PARAMETER", "page_size must be a number from 1 to 100, not %q", v)
		}
	}
	return size, q.Get("page_token"), nil
}

var pageParameters = []parameter{
	{name: "page_size", doc: "Rows of one page, 1 to 100; 100 when omitted", integer: true},
	{name: "page_token", doc: "next_page_token of the page before"},
}

// camel makes an operationId of words such as "list flows".
func camel(words string) string {
	var b strings.Builder
	for i, w := range strings.FieldsFunc(words, func(r rune) bool { return r == ' ' || r == '_' }) {
		if i > 0 {
			w = strings.ToUpper(w[:1]) + w[1:]
		}
		b.WriteString(w)
	}
	return b.String()
}
