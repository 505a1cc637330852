package conform

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
)

// message is a good INVITE with some header lines replaced or added. A line
// without a value takes its header away.
func message(t testing.TB, first string, edits ...string) []byte {
	t.Helper()
	lines := []string{
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "From: <sip:a@example.com>;tag=1", "To: <sip:b@example.com>",
		"Call-ID: 1", "CSeq: 1 INVITE", "Max-Forwards: 70",
	}
	for _, edit := range edits {
		name, value, _ := strings.Cut(edit, ":")
		kept := lines[:0:0]
		for _, l := range lines {
			if !strings.HasPrefix(l, name+":") || strings.HasPrefix(value, "+") {
				kept = append(kept, l)
			}
		}
		if lines = kept; value != "" {
			lines = append(lines, name+":"+strings.TrimPrefix(value, "+"))
		}
	}
	return []byte(first + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n")
}

func parse(t testing.TB, data []byte) *sipmsg.Request {
	t.Helper()
	m, err := sipmsg.NewParser().ParseSIP(data)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*sipmsg.Request)
}

func TestCheck(t *testing.T) {
	const invite = "INVITE sip:b@example.com SIP/2.0"
	tests := []struct {
		first  string
		edits  []string
		status int
		reason string
	}{
		{invite, nil, 0, ""},
		{"INVITE tel:+15551234 SIP/2.0", nil, 0, ""},
		{"invite sip:b@example.com sip/2.0", nil, 0, ""},
		{"INVITE sip:b@example.com SIP/3.0", nil, 505, "Version Not Supported"},
		{invite, []string{"Via:"}, 400, "Missing Via"},
		{invite, []string{"Via: SIP/3.0/UDP h;branch=z9hG4bK1"}, 400, "Malformed Via"},
		{invite, []string{"Via: SIP/2.0/UDP ;branch=z9hG4bK1"}, 400, "Malformed Via"},
		{invite, []string{"From:"}, 400, "Missing From"},
		{invite, []string{"To:"}, 400, "Missing To"},
		{invite, []string{"Call-ID:"}, 400, "Missing Call-ID"},
		{invite, []string{"CSeq:"}, 400, "Missing CSeq"},
		{invite, []string{"CSeq: 1 BYE"}, 400, "CSeq Method Mismatch"},
		{invite, []string{"From: <sip:>;tag=1"}, 400, "Malformed From"},
		{invite, []string{"To: <sip:>"}, 400, "Malformed To"},
		{invite, []string{"To: <tel:+15551234>"}, 0, ""},
		{"REGISTER sips:example.com SIP/2.0", []string{"CSeq: 1 REGISTER", "To: <sips:b@example.com>"}, 0, ""},
		{"REGISTER sip:example.com SIP/2.0", []string{"CSeq: 1 REGISTER", "To: <tel:+15551234>"}, 400, "Address Of Record Is No SIP URI"},
		{invite, []string{"f:+ <sip:c@example.com>;tag=2"}, 400, "More Than One From"},
		{invite, []string{"Call-ID:+ 2"}, 400, "More Than One Call-ID"},
		{invite, []string{"Max-Forwards: 256"}, 400, "Max-Forwards Out Of Range"},
		{invite, []string{"Max-Forwards: 0"}, 483, "Too Many Hops"},
		{invite, []string{"Max-Forwards:"}, 0, ""},
		{"INVITE sip: SIP/2.0", nil, 400, "Malformed Request-URI"},
		{"INVITE mailto:a@b SIP/2.0", nil, 416, "Unsupported URI Scheme"},
		{invite, []string{"Require: 100rel, Timer"}, 0, ""},
		{invite, []string{"Require: 100rel, precondition", "Require:+ gruu"}, 420, "Bad Extension"},
		{"ACK sip:b@example.com SIP/2.0", []string{"CSeq: 1 ACK", "Require: gruu"}, 0, ""},
		{"CANCEL sip:b@example.com SIP/2.0", []string{"CSeq: 1 CANCEL", "Require: gruu"}, 0, ""},
		{invite, []string{"Accept: text/plain, application/sdp;level=1"}, 0, ""},
		{invite, []string{"Accept: */*"}, 0, ""},
		{invite, []string{"Accept: text/plain"}, 406, "Not Acceptable"},
		{invite, []string{"Content-Type: text/plain"}, 0, ""}, // there is no body
	}
	for _, test := range tests {
		req := parse(t, message(t, test.first, test.edits...))
		if status, reason := Check(req); status != test.status || reason != test.reason {
			t.Errorf("%s %q: %d %s, want %d %s", test.first, test.edits, status, reason, test.status, test.reason)
		}
	}
}

func TestBody(t *testing.T) {
	tests := []struct {
		headers []string
		status  int
	}{
		{[]string{"Content-Type: application/sdp"}, 0},
		{[]string{"c: Application/SDP;charset=utf-8"}, 0},
		{nil, 0},
		{[]string{"Content-Type: text/plain"}, 415},
		{[]string{"Content-Type: text/plain", "Content-Disposition: signal; handling=optional"}, 0},
		{[]string{"Content-Type: application/sdp", "Content-Encoding: gzip"}, 415},
		{[]string{"Content-Type: application/sdp", "e: identity"}, 0},
	}
	for _, test := range tests {
		data := append(message(t, "INVITE sip:b@example.com SIP/2.0", test.headers...), "v=0\r\n"...)
		if status, _ := Check(parse(t, data)); status != test.status {
			t.Errorf("%q: %d, want %d", test.headers, status, test.status)
		}
	}
}

func TestMultipartBody(t *testing.T) {
	for content, want := range map[string]int{"application/sdp": 0, "application/ISUP": 415} {
		data := append(message(t, "INVITE sip:b@example.com SIP/2.0", "Content-Type: multipart/mixed;boundary=b"),
			"--b\r\nContent-Type: "+content+"\r\n\r\nv=0\r\n--b--\r\n"...)
		if status, _ := Check(parse(t, data)); status != want {
			t.Errorf("%s in a multipart body: %d, want %d", content, status, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	req := parse(t, message(t, "INVITE sip:b@example.com SIP/2.0", "Require: one, 100rel, two"))
	for status, want := range map[int]string{420: "Unsupported: one, two", 415: "Accept: application/sdp", 406: "Accept: application/sdp"} {
		hs := Headers(req, status)
		if len(hs) != 1 || hs[0].String() != want {
			t.Errorf("%d: %v, want %s", status, hs, want)
		}
	}
	if hs := Headers(req, 400); hs != nil {
		t.Errorf("400: %v", hs)
	}
	if status, _ := Check(req, "one", "two", "100rel"); status != 0 {
		t.Errorf("options that are understood: %d", status)
	}
}

func TestUnreadable(t *testing.T) {
	for first, want := range map[string]int{
		"INVITE sip:a b SIP/2.0": 400, "INVITE sip:a SIP/2.1": 505, "INVITE h323:a SIP/2.0": 416, "INVITE <h323:a> SIP/2.0": 400,
		"ACK <sip:a> SIP/2.0": 0, "SIP/2.0 200": 0, "GET / HTTP/1.1": 0, "INVITE": 0, "": 0,
	} {
		if got, _ := Unreadable([]byte(first + "\r\n")); got != want {
			t.Errorf("%q: %d, want %d", first, got, want)
		}
	}
	if got, _ := Unreadable([]byte("INVITE sip:a SIP/2.0")); got != 0 {
		t.Errorf("half a line: %d", got)
	}
}

func TestTidy(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"parameter", "Contact: <sip:a@b>; expires = 60 , <sip:c@d> ;q=1", "Contact: <sip:a@b>;expires=60,<sip:c@d>;q=1"},
		{"quotes", `From: "A ; b = \" ; c"  <sip:a@b> ; tag=1`, `From: "A ; b = \" ; c" <sip:a@b>;tag=1`},
		{"brackets", "To: < sip:a ; b >; tag=1", "To: < sip:a ; b >;tag=1"},
		{"folding", "Subject: one\r\n   two\r\n\tthree", "Subject: one two three"},
		{"via", "Via:SIP / 2.0 /UDP   h : 5070 ; rport ;branch=1", "Via: SIP/2.0/UDP h:5070;rport;branch=1"},
		{"name and colon", "CSeq  :\t1\t  INVITE", "CSeq: 1 INVITE"},
		{"display name", "f: A. Bell   <sip:a@b>; tag=2", "f: A. Bell <sip:a@b>;tag=2"},
		{"other headers", "From: <sip:a@b>; tag=1\r\nDate: Sat, 15 ;  x", "From: <sip:a@b>;tag=1\r\nDate: Sat, 15 ;  x"},
	}
	for _, test := range tests {
		const first, rest = "INVITE sip:a@b SIP/2.0\r\n", "\r\n\r\nbody ;  =\r\n folded"
		if got := string(Tidy([]byte(first + test.in + rest))); got != first+test.want+rest {
			t.Errorf("%s:\n%q\nwant\n%q", test.name, got, first+test.want+rest)
		}
	}
}

func TestTidyLeavesTheTidyAlone(t *testing.T) {
	data := message(t, "INVITE sip:b@example.com SIP/2.0", "Allow: INVITE, ACK", `Contact: "A B" <sip:a@b>;q=1`)
	if got := Tidy(data); &got[0] != &data[0] {
		t.Error("a tidy message is copied")
	}
	if n := testing.AllocsPerRun(100, func() { Tidy(data) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for _, odd := range []string{"", "INVITE", "a\r\n ;", "\r\n\r\n", "x\r\n\r\n", "x\r\n y\r\n\r\n", "x\r\nvia\r\n : ;\r\n\r\n"} {
		Tidy([]byte(odd))
	}
}

// FuzzRequest reads, checks and answers whatever comes.
func FuzzRequest(f *testing.F) {
	files, err := filepath.Glob(folder + "*.dat")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		tidied := Tidy(data)
		if !bytes.Equal(before, data) {
			t.Fatal("the datagram was changed in place")
		}
		if again := Tidy(tidied); !bytes.Equal(again, tidied) {
			t.Errorf("tidied twice:\n%q\n%q", tidied, again)
		}
		m, err := sipmsg.NewParser().ParseSIP(tidied)
		if err != nil {
			Unreadable(data)
			return
		}
		req, ok := m.(*sipmsg.Request)
		if !ok {
			return
		}
		status, _ := Check(req)
		if status == 0 {
			// What passes can be answered and passed on.
			_ = sipmsg.NewResponseFromRequest(req, 200, "OK", nil).String()
			_ = req.Clone().String()
			return
		}
		Headers(req, status)
	})
}

func BenchmarkTidy(b *testing.B) {
	data := message(b, "INVITE sip:b@example.com SIP/2.0", "Allow: INVITE, ACK, BYE, CANCEL", "Contact: <sip:a@b>")
	b.ReportAllocs()
	for b.Loop() {
		Tidy(data)
	}
}

func BenchmarkCheck(b *testing.B) {
	req := parse(b, message(b, "INVITE sip:b@example.com SIP/2.0", "Require: 100rel"))
	b.ReportAllocs()
	for b.Loop() {
		Check(req)
	}
}
