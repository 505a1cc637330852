package whisper

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"offhook/media/audio"
	"offhook/speech/stt"
)

// asked is one request of the endpoint.
type asked struct {
	fields map[string]string
	length time.Duration
	key    string
}

// server answers each request with what answer writes.
func server(t *testing.T, answer func(w http.ResponseWriter, a asked)) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/audio/transcriptions" || r.Method != http.MethodPost {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
			return
		}
		a := asked{fields: map[string]string{}, key: r.Header.Get("Authorization")}
		for name, v := range r.MultipartForm.Value {
			a.fields[name] = v[0]
		}
		f, _, err := r.FormFile("file")
		if err != nil {
			t.Error(err)
			return
		}
		clip, err := audio.Decode(f, "wav")
		if err != nil || clip.Rate() != 16000 {
			t.Errorf("sound: %v", err)
			return
		}
		a.length = clip.Duration()
		answer(w, a)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

// voice is d of a tone that rises and falls as syllables do, silence that of
// nothing.
func voice(d time.Duration) []int16 {
	pcm := make([]int16, stt.Samples(d))
	for i := range pcm {
		pcm[i] = int16(5000 * (0.6 + 0.4*math.Cos(float64(i)*0.0016)) * math.Sin(float64(i)*0.3))
	}
	return pcm
}

func silence(d time.Duration) []int16 { return make([]int16, stt.Samples(d)) }

func TestUtterances(t *testing.T) {
	var n atomic.Int64
	url := server(t, func(w http.ResponseWriter, a asked) {
		if a.fields["model"] != "base" || a.fields["language"] != "en" || a.fields["response_format"] != "json" || a.key != "Bearer sk" {
			t.Errorf("asked %+v", a)
		}
		fmt.Fprintf(w, `{"text": " part %d, %.1f s "}`, n.Add(1), a.length.Seconds())
	})
	s, err := New(Options{URL: url, Model: "base", APIKey: "sk"}).Open(t.Context(), stt.Options{Language: "en-US"})
	if err != nil {
		t.Fatal(err)
	}
	for _, pcm := range [][]int16{silence(5 * time.Second), voice(2 * time.Second), silence(time.Second), voice(time.Second)} {
		for len(pcm) > 0 {
			k := min(len(pcm), 1000)
			if err := s.Write(t.Context(), pcm[:k]); err != nil {
				t.Fatal(err)
			}
			pcm = pcm[k:]
		}
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	var texts []string
	var last stt.Result
	for r := range s.Results() {
		if r.Through < last.Through {
			t.Errorf("through %v after %v", r.Through, last.Through)
		}
		if last = r; r.Text != "" {
			texts = append(texts, fmt.Sprintf("%s at %.1f to %.1f", r.Text, r.Start.Seconds(), r.End.Seconds()))
		}
	}
	want := "part 1, 2.7 s at 5.0 to 7.0; part 2, 1.3 s at 8.0 to 9.0"
	if got := strings.Join(texts, "; "); got != want || s.Err() != nil {
		t.Errorf("%s, %v; want %s", got, s.Err(), want)
	}
}

// TestWhole leaves the cutting to the caller.
func TestWhole(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, a asked) { fmt.Fprintf(w, `{"text": "%v"}`, a.length) })
	s, err := New(Options{URL: url}).Open(t.Context(), stt.Options{Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Write(t.Context(), voice(200*time.Millisecond))
	_ = s.Finish(t.Context())
	if r := <-s.Results(); r.Text != "200ms" || r.Kind != stt.Final {
		t.Errorf("%+v, %v", r, s.Err())
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		refused bool
	}{
		{401, `{"error": {"message": "bad key sk"}}`, true},
		{404, "", true},
		{429, "", false},
		{500, "", false},
		{200, "<html>", false},
	} {
		url := server(t, func(w http.ResponseWriter, _ asked) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		s, err := New(Options{URL: url, APIKey: "sk"}).Open(t.Context(), stt.Options{Whole: true})
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Write(t.Context(), voice(200*time.Millisecond))
		_ = s.Finish(t.Context())
		for r := range s.Results() {
			t.Errorf("%d: result %+v", c.status, r)
		}
		if err := s.Err(); err == nil || errors.Is(err, stt.ErrRefused) != c.refused || strings.Contains(err.Error(), "sk") && c.status == 401 && !strings.Contains(err.Error(), "…") {
			t.Errorf("%d: %v", c.status, err)
		}
	}
	if _, err := New(Options{}).Open(t.Context(), stt.Options{}); !errors.Is(err, stt.ErrNotConfigured) {
		t.Errorf("no URL: %v", err)
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{" [BLANK_AUDIO] ": "", "(coughs)": "", "*sighs*": "", "Hello (again)": "Hello (again)", "": "", "Yes.": "Yes."} {
		if got := clean(text); got != want {
			t.Errorf("%q gives %q", text, got)
		}
	}
}
