package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"offhook/resource"
	"offhook/store/rows"
)

// linkLife is how long a recording's url can be used.
const linkLife = 24 * time.Hour

func (s *Server) registerRecordings() {
	serve(s, collection[resource.Recording, *resource.Recording]{
		path: "recordings", name: "recording", rows: rows.Recordings, verbs: readOnly | canDelete,
		filters: map[string]string{"reference_id": rows.KeyParent},
		show: func(ctx context.Context, rec *resource.Recording) {
			rec.URL = ""
			if rec.Status == "ended" && rec.TMDelete == nil {
				rec.URL = s.recordingURL(ctx, *rec)
			}
		},
		remove: s.removeRecording,
	})
	s.mount(endpoint{
		method: http.MethodGet, path: "/recordingfiles/{id}", name: "readRecordingfile", tag: "recordings",
		doc:         "Download a finished recording; ranges are served. The url of a recording needs no access key for a day",
		answerTypes: []string{"audio/wav", "audio/mpeg"}, serve: s.serveRecording,
	})
}

// removeRecording deletes the file with its row.
func (s *Server) removeRecording(_ context.Context, rec *resource.Recording) error {
	if rec.Status != "ended" {
		return precondition("RECORDING_ALREADY_ACTIVE", "the recording is still being made; stop it first")
	}
	if s.cfg.RecordingFile == nil {
		return nil
	}
	if err := os.Remove(s.cfg.RecordingFile(*rec)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// serveRecording streams a finished file.
func (s *Server) serveRecording(r *request) (any, error) {
	rec, err := rows.Recordings.Load(r.Context(), s.db, r.who.CustomerID, r.id())
	if err != nil {
		return nil, s.orNotFound("recording", r.id(), err)
	}
	if rec.Status != "ended" {
		return nil, precondition("RECORDING_ALREADY_ACTIVE", "the recording is still being made; wait for the event recording_finished")
	}
	if s.cfg.RecordingFile == nil {
		return nil, notConfigured("recordings")
	}
	path := s.cfg.RecordingFile(*rec)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, newError("NOT_FOUND", "FILE_NOT_FOUND", "the file of recording %q is gone", rec.ID)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	name := rec.ID + "." + rec.Format
	h := r.w.Header()
	h.Set("Content-Type", audioType(rec.Format))
	h.Set("Content-Disposition", `inline; filename="`+name+`"`)
	modified := time.Time{}
	if rec.TMEnd != nil {
		modified = *rec.TMEnd
	}
	http.ServeContent(r.w, r.Request, filepath.Base(path), modified, f)
	return handled{}, nil
}

func audioType(format string) string {
	if format == "mp3" {
		return "audio/mpeg"
	}
	return "audio/wav"
}

// RecordingURL returns the url of a finished recording: whoever has it may
// download the file for a day.
func (s *Server) RecordingURL(rec resource.Recording) string {
	return s.recordingURL(context.Background(), rec)
}

func (s *Server) recordingURL(ctx context.Context, rec resource.Recording) string {
	base, _ := ctx.Value(baseKey{}).(string)
	if base == "" && s.cfg.BaseURL != nil {
		base = s.cfg.BaseURL()
	}
	expires := strconv.FormatInt(time.Now().Add(linkLife).Unix(), 10)
	signature, err := s.sign(ctx, rec.CustomerID, rec.ID, expires)
	if err != nil {
		return base + "/v1.0/recordingfiles/" + rec.ID
	}
	q := url.Values{"customer_id": {rec.CustomerID}, "expires": {expires}, "signature": {signature}}
	return base + "/v1.0/recordingfiles/" + rec.ID + "?" + q.Encode()
}

// sign makes the part of a link that proves it is ours. The customer's webhook
// secret is the key, so rotating the secret ends all links.
func (s *Server) sign(ctx context.Context, customerID, recordingID, expires string) (string, error) {
	customer, err := s.Customer(ctx, customerID)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, []byte(customer.WebhookSecret))
	mac.Write([]byte("recording\n" + customerID + "\n" + recordingID + "\n" + expires))
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// linked finds whose recording a signed link downloads.
func (s *Server) linked(r *http.Request) (principal, bool) {
	id, ok := strings.CutPrefix(r.URL.Path, "/v1.0/recordingfiles/")
	q := r.URL.Query()
	expires, err := strconv.ParseInt(q.Get("expires"), 10, 64)
	if !ok || err != nil || q.Get("signature") == "" || time.Now().Unix() > expires {
		return principal{}, false
	}
	want, err := s.sign(r.Context(), q.Get("customer_id"), id, q.Get("expires"))
	if err != nil || !hmac.Equal([]byte(want), []byte(q.Get("signature"))) {
		return principal{}, false
	}
	return principal{CustomerID: q.Get("customer_id")}, true
}

type baseKey struct{}

// base is scheme and host as the client wrote them.
func base(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
