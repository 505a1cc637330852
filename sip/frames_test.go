package sip

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pieces is a connection whose reads give one piece each.
type pieces struct {
	net.Conn // nil: only what is below is called
	left     []string
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.left[0])
	if p.left[0] = p.left[0][n:]; p.left[0] == "" {
		p.left = p.left[1:]
	}
	return n, nil
}

func (p *pieces) SetReadDeadline(time.Time) error { return nil }

// framed is what comes out of a stream: messages with ! behind those whose end
// is a guess, "ping", and the error at the end.
func framed(stream ...string) (got []string) {
	r := newFrames(&pieces{left: stream})
	for {
		m, err := r.next()
		switch {
		case err != nil:
			return append(got, err.Error())
		case m.data == nil:
			got = append(got, "ping")
		case m.sure:
			got = append(got, string(m.data))
		default:
			got = append(got, string(m.data)+"!")
		}
	}
}

func TestFrames(t *testing.T) {
	const a, b, c = "A\r\nContent-Length: 3\r\n\r\nxyz", "B\r\nl :0\r\n\r\n", "C\r\n\r\n"
	for name, test := range map[string]struct {
		stream string
		want   []string
	}{
		"two":                 {a + b, []string{a, b, "EOF"}},
		"pings between":       {"\r\n\r\n" + a + "\r\n\r\n\r\n\r\n" + b, []string{"ping", a, "ping", "ping", b, "EOF"}},
		"half a ping":         {"\r\n" + a + "\r\n" + b, []string{a, b, "EOF"}},
		"no length":           {c + b, []string{c + "!", b, "EOF"}},
		"cut short":           {a[:len(a)-1], []string{"EOF"}},
		"header cut short":    {"A\r\nB: c\r\n", []string{"EOF"}},
		"length of a fold":    {"A\r\nB: c\r\n Content-Length: 7\r\nl: 1\r\n\r\nx", []string{"A\r\nB: c\r\n Content-Length: 7\r\nl: 1\r\n\r\nx", "EOF"}},
		"twice the same":      {"A\r\nl: 1\r\nContent-Length: 1\r\n\r\nx" + b, []string{"A\r\nl: 1\r\nContent-Length: 1\r\n\r\nx", b, "EOF"}},
		"two lengths":         {"A\r\nl: 1\r\nl: 2\r\n\r\nxx" + b, []string{"A\r\nl: 1\r\nl: 2\r\n\r\nxx" + b + "!", "EOF"}},
		"length of rubbish":   {"A\r\nl: -1\r\n\r\nxx", []string{"A\r\nl: -1\r\n\r\nxx!", "EOF"}},
		"too large a body":    {"A\r\nl: 70000\r\n\r\nxx", []string{errFrameTooLarge.Error()}},
		"header without end":  {strings.Repeat("A: b\r\n", 20000), []string{errFrameTooLarge.Error()}},
		"as large as allowed": {"A\r\nl: 65516\r\n\r\n" + strings.Repeat("x", 65516) + b, []string{"A\r\nl: 65516\r\n\r\n" + strings.Repeat("x", 65516), b, "EOF"}},
	} {
		if got := framed(test.stream); !slices.Equal(got, test.want) {
			t.Errorf("%s: %.200q, want %.200q", name, got, test.want)
		}
		if strings.Contains(strings.Join(test.want, ""), "!") {
			continue // what is a guess depends on what has come
		}
		if got := framed(strings.Split(test.stream, "")...); !slices.Equal(got, test.want) {
			t.Errorf("%s, octet by octet: %.200q, want %.200q", name, got, test.want)
		}
	}
}

// A message that has begun must be complete in time; between messages there is
// no hurry.
func TestFramesTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		listener, err := l.Host(bobIP).Listen(t.Context(), "0.0.0.0:5060")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		far, err := l.Host(aliceIP).Dial(t.Context(), bobIP.String()+":5060")
		if err != nil {
			t.Fatal(err)
		}
		defer far.Close()
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			for _, text := range []string{"A\r\n", "l: 0\r\n\r\n", "B\r\nl: 0\r\n\r\nC\r\n"} {
				time.Sleep(20 * time.Second)
				far.Write([]byte(text))
				if strings.HasSuffix(text, "\n\r\n") {
					time.Sleep(time.Hour)
				}
			}
		}()
		r := newFrames(conn)
		for _, want := range []string{"A\r\nl: 0\r\n\r\n", "B\r\nl: 0\r\n\r\n"} {
			if m, err := r.next(); err != nil || string(m.data) != want {
				t.Fatalf("%q, %v; want %q", m.data, err, want)
			}
		}
		began := time.Now()
		if _, err := r.next(); err == nil || time.Since(began) != firstMessage {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// However a stream is cut into pieces, the messages are the same.
func FuzzFrames(f *testing.F) {
	f.Add("A\r\nContent-Length: 3\r\n\r\nxyzB\r\nl: 0\r\n\r\n\r\n\r\n\r\nC\r\n", uint8(3))
	f.Add("\r\n\r\nA\r\nl: 70000\r\n\r\n", uint8(1))
	f.Fuzz(func(t *testing.T, stream string, size uint8) {
		whole := framed(stream)
		if strings.Contains(strings.Join(whole, ""), "!") || size == 0 {
			return
		}
		var cut []string
		for i := 0; i < len(stream); i += int(size) {
			cut = append(cut, stream[i:min(i+int(size), len(stream))])
		}
		if got := framed(cut...); !slices.Equal(got, whole) {
			t.Errorf("in pieces of %d: %q, whole: %q", size, got, whole)
		}
	})
}
