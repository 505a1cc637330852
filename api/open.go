package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"offhook/flow/action"
)

// open are the paths that need no access key.
var open = map[string]bool{"/ping": true, "/v1.0/ping": true, "/openapi.json": true, "/v1.0/openapi.json": true, "/metrics": true}

// registerOpen mounts what is not a resource.
func (s *Server) registerOpen() {
	ping := func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]string{"message": "pong"}) }
	s.mux.HandleFunc("GET /ping", ping)
	s.mux.HandleFunc("GET /v1.0/ping", ping)
	s.document("/ping", "ping", "Is the server there? Needs no access key", "application/json")

	openapi := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		w.Write(s.openapi)
	}
	s.mux.HandleFunc("GET /openapi.json", openapi)
	s.mux.HandleFunc("GET /v1.0/openapi.json", openapi)
	s.document("/openapi.json", "openapi", "This document. Needs no access key", "application/openapi+json")

	s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Metrics == nil {
			s.fail(w, r, notConfigured("metrics"))
			return
		}
		promhttp.HandlerFor(s.cfg.Metrics, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
	s.mux.HandleFunc("GET /v1.0/ws", func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Events == nil {
			s.fail(w, r, notConfigured("events"))
			return
		}
		who, _ := r.Context().Value(principalKey{}).(principal)
		s.cfg.Events.ServeWS(w, r, who.CustomerID)
	})
	s.document("/ws", "events", `WebSocket of events: send {"type":"subscribe","topics":["customer_id:ID:call"]}; each event comes as {"type","data"}`, "")
}

// render writes the OpenAPI document. Bodies with actions are read by the flow
// engine, whose own schema of every verb takes the place of the struct's.
func (s *Server) render() ([]byte, error) {
	raw, err := json.Marshal(s.huma.OpenAPI())
	if err != nil {
		return nil, err
	}
	var document map[string]any
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	components, _ := document["components"].(map[string]any)
	schemas, ok := components["schemas"].(map[string]any)
	if !ok {
		return nil, errors.New("no schemas in the document")
	}
	schemas["Action"] = action.SchemaAt("#/components/schemas/Action")
	return json.Marshal(document)
}

// document describes a path that is no endpoint.
func (s *Server) document(path, name, doc, answer string) {
	op := &huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: name, Summary: doc, Tags: []string{"server"},
		Responses: map[string]*huma.Response{"200": {Description: "Success"}, "default": {
			Description: "Error",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schemaFor[envelope](s)}},
		}},
	}
	if answer != "" {
		op.Responses["200"].Content = map[string]*huma.MediaType{answer: {Schema: objectSchema}}
	}
	if open[path] {
		op.Security = []map[string][]string{{}}
	}
	s.huma.OpenAPI().AddOperation(op)
}
