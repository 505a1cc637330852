package outbound

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAllow(t *testing.T) {
	for _, c := range []struct {
		addr            string
		private, public bool // allowed with and without AllowPrivate
	}{
		{"8.8.8.8", true, true},
		{"2606:4700:4700::1111", true, true},
		{"64:ff9b::808:808", true, true}, // NAT64 of 8.8.8.8
		{"127.0.0.1", true, false},
		{"::1", true, false},
		{"10.1.2.3", true, false},
		{"172.16.0.1", true, false},
		{"192.168.1.1", true, false},
		{"100.64.0.1", true, false},
		{"198.18.0.1", true, false},
		{"203.0.113.5", true, false},
		{"240.0.0.1", true, false},
		{"255.255.255.255", true, false},
		{"0.0.0.0", true, false},
		{"::", true, false},
		{"fc00::1", true, false},
		{"fec0::1", true, false},
		{"2001:db8::1", true, false},
		{"::ffff:10.0.0.1", true, false},
		{"64:ff9b::a00:1", true, false},   // NAT64 of 10.0.0.1
		{"2002:a00:1::1", true, false},    // 6to4 of 10.0.0.1
		{"169.254.169.254", false, false}, // metadata of most clouds
		{"169.254.0.1", false, false},
		{"::ffff:169.254.169.254", false, false},
		{"64:ff9b::a9fe:a9fe", false, false},
		{"2002:a9fe:a9fe::1", false, false},
		{"fe80::1", false, false},
		{"fe80::1%eth0", false, false},
		{"fd00:ec2::254", false, false},
		{"224.0.0.1", false, false},
		{"ff02::1", false, false},
	} {
		addr := netip.MustParseAddr(c.addr)
		for _, p := range []Policy{{AllowPrivate: true}, {}} {
			want := c.public
			if p.AllowPrivate {
				want = c.private
			}
			if err := p.Allow(addr); (err == nil) != want || err != nil && !errors.Is(err, ErrForbidden) {
				t.Errorf("%s with AllowPrivate %v: %v", c.addr, p.AllowPrivate, err)
			}
		}
	}
	if (Policy{AllowPrivate: true}).Allow(netip.Addr{}) == nil {
		t.Error("no address is allowed")
	}
}

func get(c *http.Client, url string) (string, error) {
	res, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

func server(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/hop/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscan(r.PathValue("n"), &n); err != nil || n == 0 {
			fmt.Fprint(w, "there")
			return
		}
		http.Redirect(w, r, fmt.Sprintf("/hop/%d", n-1), http.StatusFound)
	})
	mux.HandleFunc("/metadata", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/", http.StatusFound)
	})
	mux.HandleFunc("/known", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2000")
		fmt.Fprint(w, strings.Repeat("x", 2000))
	})
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, _ *http.Request) {
		for range 4 {
			fmt.Fprint(w, strings.Repeat("x", 500))
			w.(http.Flusher).Flush()
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestDialIsChecked(t *testing.T) {
	s := server(t)
	if _, err := get(NewClient(Policy{}), s.URL+"/hop/0"); !errors.Is(err, ErrForbidden) {
		t.Errorf("loopback: %v", err)
	}
	byName := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	if _, err := get(NewClient(Policy{}), byName+"/hop/0"); !errors.Is(err, ErrForbidden) {
		t.Errorf("localhost by name: %v", err)
	}
	if b, err := get(NewClient(Policy{AllowPrivate: true}), s.URL+"/hop/0"); b != "there" || err != nil {
		t.Errorf("allowed: %q, %v", b, err)
	}
	if _, err := get(NewClient(Policy{AllowPrivate: true}), s.URL+"/metadata"); !errors.Is(err, ErrForbidden) {
		t.Errorf("redirect to link-local: %v", err)
	}
}

func TestNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	if b, err := get(NewClient(Policy{AllowPrivate: true}), server(t).URL+"/hop/0"); b != "there" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestRedirects(t *testing.T) {
	s, c := server(t), NewClient(Policy{AllowPrivate: true})
	if b, err := get(c, s.URL+"/hop/3"); b != "there" || err != nil {
		t.Errorf("three: %q, %v", b, err)
	}
	if _, err := get(c, s.URL+"/hop/4"); !errors.Is(err, ErrRedirects) {
		t.Errorf("four: %v", err)
	}
}

func TestMaxBytes(t *testing.T) {
	s := server(t)
	for _, path := range []string{"/known", "/chunked"} {
		if b, err := get(NewClient(Policy{AllowPrivate: true, MaxBytes: 2000}), s.URL+path); len(b) != 2000 || err != nil {
			t.Errorf("%s at the limit: %d bytes, %v", path, len(b), err)
		}
		if b, err := get(NewClient(Policy{AllowPrivate: true, MaxBytes: 1999}), s.URL+path); len(b) > 1999 || !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s over the limit: %d bytes, %v", path, len(b), err)
		}
	}
}

func TestLimitedBodyInPieces(t *testing.T) {
	b := Limit(io.NopCloser(iotest.OneByteReader(strings.NewReader("abcdef"))), 4)
	got, err := io.ReadAll(b)
	if string(got) != "abcd" || !errors.Is(err, ErrTooLarge) {
		t.Errorf("%q, %v", got, err)
	}
	if n, err := b.Read(make([]byte, 9)); n != 0 || !errors.Is(err, ErrTooLarge) {
		t.Errorf("after the limit: %d, %v", n, err)
	}
}

func TestResolve(t *testing.T) {
	if err := (Policy{}).Resolve(t.Context(), "127.0.0.1"); !errors.Is(err, ErrForbidden) {
		t.Errorf("error is %v", err)
	}
	if err := (Policy{AllowPrivate: true}).Resolve(t.Context(), "127.0.0.1"); err != nil {
		t.Error(err)
	}
}
