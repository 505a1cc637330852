package conform

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
)

const folder = "../../testdata/rfc4475/"

func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(folder + name + ".dat")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// verdict is what happens to a datagram.
func verdict(data []byte) string {
	m, err := sipmsg.NewParser().ParseSIP(Tidy(data))
	status := 0
	if err != nil {
		if status, _ = Unreadable(data); status == 0 {
			return "drop"
		}
	} else if req, ok := m.(*sipmsg.Request); ok {
		status, _ = Check(req)
	} else {
		return "response"
	}
	if status == 0 {
		return "pass"
	}
	return strconv.Itoa(status)
}

// TestTorture holds every RFC 4475 message to the table in the messages' README.
func TestTorture(t *testing.T) {
	readme, err := os.ReadFile(folder + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(readme)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.Contains(cells[2], ".") {
			continue
		}
		name, want := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[3])
		listed[name] = true
		t.Run(name, func(t *testing.T) {
			if got := verdict(load(t, name)); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	files, err := filepath.Glob(folder + "*.dat")
	if err != nil || len(files) != 49 || len(listed) != 49 {
		t.Errorf("%d files, %d rows, want 49 (%v)", len(files), len(listed), err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".dat"); !listed[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}

// TestWhiteSpaceIsUnderstood looks into wsinv: not refusing it is not enough.
func TestWhiteSpaceIsUnderstood(t *testing.T) {
	m, err := sipmsg.NewParser().ParseSIP(Tidy(load(t, "wsinv")))
	if err != nil {
		t.Fatal(err)
	}
	req := m.(*sipmsg.Request)
	tag := func(p sipmsg.HeaderParams) string { return p.GetOr("tag", "") }
	if tag(req.From().Params) != "98asjd8" || tag(req.To().Params) != "1918181833n" {
		t.Errorf("From %s, To %s", req.From(), req.To())
	}
	want := []string{
		"SIP/2.0/UDP 192.0.2.2;branch=390skdjuw", "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
		"SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239",
	}
	for i, h := range req.GetHeaders("Via") {
		if h.Value() != want[i] {
			t.Errorf("Via %q, want %q", h.Value(), want[i])
		}
	}
	contact := req.Contact()
	if q := contact.Params.GetOr("q", ""); q != "0.33" || contact.DisplayName != `Quoted string \"\"` {
		t.Errorf("Contact %s", contact)
	}
	if req.CSeq().SeqNo != 9 || req.MaxForwards().Val() != 68 || len(req.Body()) != int(*req.ContentLength()) {
		t.Errorf("CSeq %s, Max-Forwards %s, body of %d", req.CSeq(), req.MaxForwards(), len(req.Body()))
	}
}
