package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/resource"
)

// issue writes a certificate of 127.0.0.1 that vouches for itself, with its key,
// and returns who trusts it.
func issue(t *testing.T, files TLSConfig, until time.Time) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: serial.String()}, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, text := range map[string][]byte{files.Cert: public, files.Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(public)
	return pool
}

func pairIn(dir string) TLSConfig {
	return TLSConfig{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
}

// Phones behind TLS connections of their own, where nobody can connect to them:
// they register, call and are called, and what the server begins inside a call
// comes along the connection. A renewed certificate counts without a restart.
func TestCallsOverTLS(t *testing.T) {
	files := pairIn(t.TempDir())
	trust := issue(t, files, time.Now().AddDate(1, 0, 0))
	w := newWorld(t, `
extensions:
  - {id: alice, extension: "1001", password: secret1001}
  - {id: bob, extension: "1002", password: secret1002}
flows: [{id: short, actions: [{type: answer}, {type: hangup}]}]
numbers: [{id: short, number: short, call_flow_id: short}]
`, func(cfg *Config) {
		cfg.SIP.Listen, cfg.SIP.TLS = append(cfg.SIP.Listen, "tls://127.0.0.1:0"), files
	})
	at := strings.TrimPrefix(w.server.exchange.Addrs()[2], "tls://")
	rings := make(chan *phone.Call, 1)
	secure := func(user string, trust *x509.CertPool) *phone.Phone {
		return telephone(t, phone.Config{
			User: user, Password: "secret" + user, Engine: w.engine, Server: at + ";transport=tls",
			TLS: &tls.Config{RootCAs: trust}, Incoming: func(c *phone.Call) {
				w.pickUp(c)
				rings <- c
			},
		})
	}
	if err := secure("1001", x509.NewCertPool()).Register(t.Context(), time.Minute); err == nil {
		t.Error("a phone that does not trust the certificate registered")
	}
	alice := secure("1001", trust)
	if err := alice.Register(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	var e resource.Extension
	w.api("GET", "/v1/extensions/alice", nil, &e)
	if len(e.Registered) != 1 || e.Registered[0].Transport != "tls" {
		t.Errorf("registered %+v", e.Registered)
	}

	var placed struct{ Calls []resource.Call }
	w.api("POST", "/v1/calls", map[string]any{
		"destinations": []map[string]string{{"type": "extension", "target": "1001"}},
		"actions":      []map[string]any{{"type": "echo", "option": map[string]any{"duration": 60000}}},
	}, &placed)
	called := receiveOr(t, "the phone rings", rings)
	receiveOr(t, "the answer is acknowledged", called.UpSignal())
	if got := called.Dialog().Transport(); got != "TLS" {
		t.Errorf("called by %s", got)
	}
	if err := called.Hold(t.Context(), true); err != nil {
		t.Error(err)
	}
	w.api("POST", "/v1/calls/"+placed.Calls[0].ID+"/hangup", nil, nil)
	receiveOr(t, "BYE along the phone's connection", called.Done())

	mine, err := alice.Dial(t.Context(), "sip:short@"+at+";transport=tls", "")
	if err != nil {
		t.Fatal(err)
	}
	receiveOr(t, "BYE of a call that the phone placed", mine.Done())
	if mine.End().Status != 200 {
		t.Errorf("ended with %+v", mine.End())
	}

	renewed := issue(t, files, time.Now().AddDate(1, 0, 0))
	if err := secure("1002", renewed).Register(t.Context(), time.Minute); err != nil {
		t.Errorf("with the renewed certificate: %v", err)
	}
	if err := alice.Register(t.Context(), time.Minute); err != nil {
		t.Errorf("on the connection from before: %v", err)
	}
}

// A carrier behind TLS is believed when its certificate comes from sip.tls.ca.
func TestCarrierOverTLS(t *testing.T) {
	files := pairIn(t.TempDir())
	issue(t, files, time.Now().AddDate(1, 0, 0))
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	rings := make(chan *phone.Call, 1)
	carrier := telephone(t, phone.Config{
		Listen: "tls://127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{pair}},
		Incoming: func(c *phone.Call) {
			if err := c.Answer(); err != nil {
				t.Error(err)
			}
			rings <- c
		},
	})
	resources := fmt.Sprintf(`
providers: [{id: secure, hostname: "%s;transport=tls"}]
routes: [{id: secure, provider_id: secure, target: "+1", priority: 1}]
`, carrier.Addr())
	for _, trust := range []string{"", files.Cert} {
		w := newWorld(t, "", func(cfg *Config) {
			more := filepath.Join(cfg.DataDir, "more.yaml")
			if err := os.WriteFile(more, []byte(resources), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg.SIP.TLS.CA, cfg.Provision = trust, append(cfg.Provision, more)
		})
		placed := w.placed(map[string]any{"actions": []map[string]any{{"type": "hangup"}}})
		if trust != "" {
			if c := receiveOr(t, "the carrier is called", rings); c.Dialog().Transport() != "TLS" {
				t.Errorf("called by %s", c.Dialog().Transport())
			}
		}
		if row := w.hungup(placed.ID); (row.TMProgressing != nil) != (trust != "") { // without, the route of all leads to another carrier
			t.Errorf("ended for %s, answered %v", row.HangupReason, row.TMProgressing)
		}
		select {
		case <-rings:
			t.Error("a carrier that is not believed was called")
		default:
		}
	}
}

func TestCertificateFaultsAreClear(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	good, foreign := pairIn(dir), pairIn(other)
	issue(t, good, time.Now().AddDate(1, 0, 0))
	issue(t, foreign, time.Now().AddDate(1, 0, 0))
	rubbish := filepath.Join(dir, "rubbish.pem")
	if err := os.WriteFile(rubbish, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		tls  TLSConfig
		want []string
	}{
		{"none", TLSConfig{}, []string{"sip.listen[0]", "tls://127.0.0.1:0", "set sip.tls.cert and sip.tls.key"}},
		{"half", TLSConfig{Cert: good.Cert}, []string{"sip.tls.cert and sip.tls.key go together"}},
		{"no certificate", TLSConfig{Cert: dir + "/none.pem", Key: good.Key}, []string{"sip.tls.cert", "none.pem", "no such file"}},
		{"no key", TLSConfig{Cert: good.Cert, Key: dir + "/none.pem"}, []string{"sip.tls.key", "none.pem", "no such file"}},
		{"no pair", TLSConfig{Cert: good.Cert, Key: foreign.Key}, []string{good.Cert, foreign.Key, "are no pair", "does not match"}},
		{"no PEM", TLSConfig{Cert: rubbish, Key: good.Key}, []string{rubbish, "are no pair", "PEM"}},
		{"no authority", TLSConfig{Cert: good.Cert, Key: good.Key, CA: rubbish}, []string{"sip.tls.ca", rubbish}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.DataDir, cfg.SIP.Listen, cfg.SIP.TLS = filepath.Join(t.TempDir(), "data"), []string{"tls://127.0.0.1:0"}, test.tls
			_, err := Start(t.Context(), cfg, slog.New(slog.DiscardHandler), t.Output())
			if err == nil {
				t.Fatal("started")
			}
			for _, w := range test.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if _, err := os.Stat(cfg.DataDir); err == nil {
				t.Error("data_dir was made before the fault was found")
			}
		})
	}
}

// The end of a certificate is told but does not stop the server; a renewal that
// is half written, or broken, leaves the one before in use.
func TestCertificateInTime(t *testing.T) {
	files := pairIn(t.TempDir())
	var log bytes.Buffer
	load := func() *tls.Config {
		cfg, err := newTLS(files, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	shown := func(cfg *tls.Config) string {
		c, err := cfg.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	for _, test := range []struct {
		until time.Duration
		warns string
	}{{-time.Hour, "has expired"}, {time.Hour, "expires soon"}, {1000 * time.Hour, ""}} {
		log.Reset()
		issue(t, files, time.Now().Add(test.until))
		load()
		if said := log.String(); (said != "") != (test.warns != "") || !strings.Contains(said, test.warns) {
			t.Errorf("%v before its end: %q", test.until, said)
		}
	}
	cfg := load()
	first := shown(cfg)
	if err := os.WriteFile(files.Key, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := shown(cfg); got != first {
			t.Errorf("shows %s, want the one before", got)
		}
	}
	if n := strings.Count(log.String(), "stays in use"); n != 1 {
		t.Errorf("told %d times: %s", n, &log)
	}
	issue(t, files, time.Now().Add(1000*time.Hour))
	if got := shown(cfg); got == first {
		t.Error(fmt.Sprint("still shows ", got))
	}
}
