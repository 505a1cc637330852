package api

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// insert puts rows into the store, as the live side would.
func insert[T any, P store.RowOf[T]](b *bench, c *store.Collection[T, P], all ...*T) {
	b.Helper()
	err := b.db.Write(b.Context(), func(tx *store.Tx) error {
		for _, row := range all {
			id := P(row).Identify()
			if id.CustomerID == "" {
				id.CustomerID = AdminCustomerID
			}
			if err := c.Insert(tx, row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func named(id string) resource.Identity { return resource.Identity{ID: id} }

func TestRecordingFiles(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, func(c *Config) {
		c.RecordingFile = func(r resource.Recording) string { return filepath.Join(dir, r.ID+"."+r.Format) }
	})
	if err := os.WriteFile(filepath.Join(dir, "done.mp3"), []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	insert(b, rows.Recordings,
		&resource.Recording{Identity: named("done"), Status: "ended", Format: "mp3", ReferenceID: "call"},
		&resource.Recording{Identity: named("lost"), Status: "ended", Format: "wav"},
		&resource.Recording{Identity: named("running"), Status: "recording", Format: "wav"})

	row := b.get("/v1.0/recordings/done").ok()
	if ids, _ := b.get("/v1.0/recordings?reference_id=call").list(); len(ids) != 1 || ids[0] != "done" {
		t.Errorf("filtered %v", ids)
	}
	for name, fetch := range map[string]func() *http.Response{
		"by key":  func() *http.Response { return b.fetch(b.url+"/v1/recordingfiles/done", "") },
		"by link": func() *http.Response { return b.as("").fetch(row.text("url"), "") },
	} {
		res := fetch()
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 200 || string(body) != "0123456789" || res.Header.Get("Content-Type") != "audio/mpeg" || res.ContentLength != 10 {
			t.Errorf("%s: %d %v %q", name, res.StatusCode, res.Header, body)
		}
	}
	part := b.fetch(b.url+"/v1.0/recordingfiles/done", "bytes=2-4")
	if body, _ := io.ReadAll(part.Body); part.StatusCode != 206 || string(body) != "234" {
		t.Errorf("range: %d %q", part.StatusCode, body)
	}
	forged := strings.Replace(row.text("url"), "/done?", "/running?", 1)
	if res := b.as("").fetch(forged, ""); res.StatusCode != 401 {
		t.Errorf("a forged link got %d", res.StatusCode)
	}
	b.customer("one").get("/v1.0/recordingfiles/done").refused(404, "RECORDING_NOT_FOUND")
	b.get("/v1.0/recordingfiles/running").refused(409, "RECORDING_ALREADY_ACTIVE")
	b.get("/v1.0/recordingfiles/lost").refused(404, "FILE_NOT_FOUND")
	b.get("/v1.0/recordings/running").ok().has(`{"url":""}`)
	b.delete("/v1.0/recordings/running").refused(409, "RECORDING_ALREADY_ACTIVE")
	b.delete("/v1.0/recordings/done").ok()
	if _, err := os.Stat(filepath.Join(dir, "done.mp3")); !os.IsNotExist(err) {
		t.Errorf("the file stayed: %v", err)
	}
}

// fetch downloads a URL as it is.
func (b *bench) fetch(url, ranges string) *http.Response {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	if b.key != "" {
		req.Header.Set("Authorization", "Bearer "+b.key)
	}
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { res.Body.Close() })
	return res
}

func TestTranscriptsInEveryForm(t *testing.T) {
	b := newBench(t)
	insert(b, rows.Transcribes, &resource.Transcribe{Identity: named("t"), Status: "done", ReferenceID: "call"})
	insert(b, rows.Transcripts,
		&resource.Transcript{Identity: named("2"), TranscribeID: "t", Direction: "out", Message: "Hello <you> & all", OffsetMS: 61005, DurationMS: 1500},
		&resource.Transcript{Identity: named("1"), TranscribeID: "t", Direction: "in", Message: "I need help", OffsetMS: 5123},
		&resource.Transcript{Identity: named("other"), TranscribeID: "u", Message: "x"})
	if ids, _ := b.get("/v1.0/transcripts?transcribe_id=t").list(); strings.Join(ids, " ") != "1 2" {
		t.Errorf("list %v", ids)
	}
	text := b.get("/v1.0/transcripts?transcribe_id=t&format=text").ok()
	if want := "[00:00:05.123] in: I need help\n[00:01:01.005] out: Hello <you> & all\n"; string(text.raw) != want {
		t.Errorf("text %q", text.raw)
	}
	vtt := b.get("/v1.0/transcripts?transcribe_id=t&format=vtt").ok()
	want := "WEBVTT\n\n00:00:05.123 --> 00:00:06.123\n<v in>I need help\n\n00:01:01.005 --> 00:01:02.505\n<v out>Hello &lt;you&gt; &amp; all\n"
	if string(vtt.raw) != want || !strings.HasPrefix(vtt.header.Get("Content-Type"), "text/vtt") {
		t.Errorf("vtt %q", vtt.raw)
	}
	b.get("/v1.0/transcripts?transcribe_id=none").refused(404, "TRANSCRIBE_NOT_FOUND")
	b.get("/v1.0/transcripts?format=doc").refused(400, "INVALID_REQUEST_PARAMETER")
	b.get("/v1.0/transcripts?format=vtt").refused(400, "MISSING_REQUEST_PARAMETER")
	b.post("/v1.0/transcribes/t/stop", "").ok().has(`{"status":"done"}`)
	b.post("/v1.0/transcribes", `{"reference_type":"magic"}`).refused(400, "INVALID_VALUE").fault("reference_type", "INVALID_VALUE")
	b.post("/v1.0/transcribes", `{"reference_type":"call","reference_id":"none"}`).refused(404, "CALL_NOT_FOUND")
	b.live.place(AdminCustomerID, "c", resource.StatusProgressing, resource.DirectionIncoming)
	b.post("/v1.0/transcribes", `{"reference_type":"call","reference_id":"c"}`).refused(503, "NOT_CONFIGURED")
}
