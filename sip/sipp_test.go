package sip

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// sipp runs a scenario of testdata/sipp against the stack at host:port, or as a
// callee when that is empty, and returns what it said and whether it was
// content.
func sipp(ctx context.Context, t testing.TB, scenario, remote string, port int, tcp bool) error {
	t.Helper()
	errorFile := filepath.Join(t.TempDir(), "errors.log")
	args := []string{
		"-sf", "../testdata/sipp/dialog_" + scenario + ".xml", "-m", "1", "-nostdin", "-nd",
		"-i", "127.0.0.1", "-p", strconv.Itoa(port), "-timeout", "10s", "-timeout_error", "-trace_err", "-error_file", errorFile,
	}
	if tcp {
		args = append(args, "-t", "t1")
	}
	if remote != "" {
		args = append(args, remote)
	}
	cmd := exec.CommandContext(ctx, "sipp", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil {
		errors, _ := os.ReadFile(errorFile)
		t.Logf("sipp said\n%s%s", out.String(), errors)
	}
	return err
}

func needSipp(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs sipp in real time")
	}
	if _, err := exec.LookPath("sipp"); err != nil {
		t.Skip("sipp is not installed (apt-get install sip-tester)")
	}
}

// freePort is a port that was free a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

const answerOfBob = "v=0\r\no=bob 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

// sipp calls: the phone rings and is answered, as far as the caller lets it.
func TestSippCalls(t *testing.T) {
	needSipp(t)
	ring := func(d *Dialog) {
		d.Provisional(180, "", nil)
		d.Answer([]byte(answerOfBob))
	}
	tests := []struct {
		scenario string
		callee   func(*Dialog)
		end      int
	}{
		{"uac_basic", ring, 200},
		{"uac_prack", func(d *Dialog) {
			d.Provisional(183, "", []byte(answerOfBob))
			d.Answer(nil)
		}, 200},
		{"uac_hold", ring, 200},
		{"uac_late_offer", ring, 200},
		{"uac_cancel", func(d *Dialog) { d.Provisional(180, "", nil) }, 487},
		{"uac_ack_late", ring, 200},
		{"uac_session_timer", ring, 200},
	}
	for _, tt := range tests {
		for _, transport := range []string{"udp", "tcp"} {
			if transport == "tcp" && tt.scenario == "uac_ack_late" {
				continue // there sipp does not know a retransmission
			}
			t.Run(tt.scenario+"/"+transport, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				bob := newParty(t, Config{Listen: []string{transport + "://127.0.0.1:0"}})
				bob.offered = func([]byte) ([]byte, int) { return []byte(answerOfBob), 200 }
				done := make(chan error, 1)
				go func() {
					to := bob.uri(transport, "bob")
					done <- sipp(ctx, t, tt.scenario, to.HostPort(), freePort(t), transport == "tcp")
				}()
				d := bob.next(t)
				tt.callee(d)
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				<-d.Done()
				if e := d.End(); e.Local || e.Status != tt.end {
					t.Errorf("end %+v", e)
				}
			})
		}
	}
}

// sipp is called.
func TestSippCalled(t *testing.T) {
	needSipp(t)
	tests := []struct {
		scenario string
		caller   func(*testing.T, *party, *Dialog)
		end      End
	}{
		{"uas_basic", func(*testing.T, *party, *Dialog) {}, End{Status: 200, Q850: 16, Reason: "Normal call clearing"}},
		{"uas_cancel_race", func(t *testing.T, p *party, d *Dialog) {
			p.expect(t, "progress 180")
			d.Hangup(Cause{})
		}, End{Local: true, Status: 487}},
		{"uas_many_provisionals", func(t *testing.T, p *party, d *Dialog) {
			for range 12 {
				p.expect(t, "progress 183")
			}
			<-p.told
			d.Hangup(Cause{})
		}, End{Local: true, Status: 200}},
		{"uas_prack", func(t *testing.T, p *party, _ *Dialog) {
			for _, want := range []string{"progress 183", "offered", "answered", "offered"} {
				if told := <-p.told; !strings.HasPrefix(told, want) {
					t.Errorf("told %q, want %s", told, want)
				}
			}
		}, End{Status: 200}},
		{"uas_session_timer", func(t *testing.T, p *party, d *Dialog) {
			<-p.told
			for d.refreshes() == 0 {
				time.Sleep(100 * time.Millisecond) // sipp lives in real time
			}
			d.Hangup(Cause{})
		}, End{Local: true, Status: 200}},
		{"uas_busy", func(*testing.T, *party, *Dialog) {}, End{Status: 486, Q850: 17, Reason: "User busy"}},
	}
	for _, tt := range tests {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			alice := newParty(t, Config{Listen: []string{"udp://127.0.0.1:0"}})
			alice.offered = func([]byte) ([]byte, int) { return []byte(answerOfBob), 200 }
			port := freePort(t)
			done := make(chan error, 1)
			go func() { done <- sipp(ctx, t, tt.scenario, "", port, false) }()
			to := sipmsg.Uri{Scheme: "sip", User: "bob", Host: "127.0.0.1", Port: port}
			d := dial(t, alice, nil, InviteOptions{To: to, Offer: []byte(answerOfBob)})
			tt.caller(t, alice, d)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			<-d.Done()
			e := d.End()
			if e.Local != tt.end.Local || e.Status != tt.end.Status || e.Q850 != tt.end.Q850 || e.Reason != tt.end.Reason {
				t.Errorf("end %+v, want %+v", e, tt.end)
			}
		})
	}
}

// refreshes counts the re-INVITEs that were acknowledged.
func (d *Dialog) refreshes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ack == nil || d.ack.seq == d.inviteSeq {
		return 0
	}
	return 1
}
