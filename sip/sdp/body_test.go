package sdp

import (
	"strings"
	"testing"
)

func TestExtract(t *testing.T) {
	parts := func(boundary string, parts ...string) string {
		var b strings.Builder
		for _, p := range parts {
			b.WriteString("--" + boundary + "\r\n" + p + "\r\n")
		}
		return b.String() + "--" + boundary + "--\r\n"
	}
	const isup = "Content-Type: application/ISUP;version=nxv3\r\n\r\n\x01\x00\x49"
	const sdp = "Content-Type: application/sdp\r\nContent-Disposition: session\r\n\r\nv=0\r\n"
	tests := []struct{ name, kind, body, want string }{
		{"plain", "application/sdp", "v=0", "v=0"},
		{"parameters", "Application/SDP ; charset=utf-8", "v=0", "v=0"},
		{"malformed parameters", "application/sdp;;x", "v=0", "v=0"},
		{"no type", "", "v=0", "v=0"},
		{"no body", "application/sdp", "", ""},
		{"another type", "text/plain", "v=0", ""},
		{"beside ISUP", `multipart/mixed;boundary="x y"`, parts("x y", isup, sdp), "v=0\r\n"},
		{"first", "multipart/mixed; boundary=b", parts("b", sdp, isup), "v=0\r\n"},
		{"nested", "multipart/mixed; boundary=b", parts("b", isup, "Content-Type: multipart/alternative; boundary=c\r\n\r\n"+parts("c", sdp)), "v=0\r\n"},
		{"part without a type", "multipart/mixed; boundary=b", parts("b", "\r\nv=0"), ""},
		{"without", "multipart/mixed; boundary=b", parts("b", isup), ""},
		{"no boundary", "multipart/mixed", parts("b", sdp), ""},
		{"cut off", "multipart/mixed; boundary=b", "--b\r\nContent-Ty", ""},
	}
	for _, test := range tests {
		if got := string(Extract(test.kind, []byte(test.body))); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("multipart/mixed; boundary=b", []byte("--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n"))
	f.Add("multipart/mixed; boundary=b", []byte("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if got := Extract(kind, body); len(got) > len(body) {
			t.Errorf("%d bytes out of %d", len(got), len(body))
		}
	})
}
