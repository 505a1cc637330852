package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is the server's, as its two files have it. It is read again when
// they change, so that a renewed one needs no restart.
type certificate struct {
	files TLSConfig
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamp   fileStamp // of what was read last, also when that could not be used
}

// fileStamp tells whether the files are what they were.
type fileStamp struct {
	cert, key time.Time
}

// expiryNotice is how long before its end a certificate is warned of.
const expiryNotice = 7 * 24 * time.Hour

// newTLS makes what connections with TLS need, from both sides; nil when nothing
// is configured.
func newTLS(cfg TLSConfig, log *slog.Logger) (*tls.Config, error) {
	if cfg == (TLSConfig{}) {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.Cert != "" {
		c := &certificate{files: cfg, log: log}
		if err := c.load(c.look()); err != nil {
			return nil, err
		}
		out.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.latest(), nil }
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.latest(), nil }
	}
	if cfg.CA != "" {
		pem, err := os.ReadFile(cfg.CA)
		if err != nil {
			return nil, fmt.Errorf("sip.tls.ca: %w", err)
		}
		if out.RootCAs, err = x509.SystemCertPool(); err != nil {
			out.RootCAs = x509.NewCertPool()
		}
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("sip.tls.ca: no certificate in PEM form in %s", cfg.CA)
		}
	}
	return out, nil
}

// latest is the certificate for the next handshake. While the files cannot be
// used (one of the two is written already, the other is not), the one before
// stays.
func (c *certificate) latest() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamp := c.look()
	if stamp == c.stamp {
		return c.current
	}
	if err := c.load(stamp); err != nil {
		c.log.Warn("the certificate before stays in use", "error", err)
	} else {
		c.log.Info("certificate read again", "file", c.files.Cert, "until", c.current.Leaf.NotAfter)
	}
	return c.current
}

// look reads when the files were written; the zero time for one that is not
// there.
func (c *certificate) look() (s fileStamp) {
	if f, err := os.Stat(c.files.Cert); err == nil {
		s.cert = f.ModTime()
	}
	if f, err := os.Stat(c.files.Key); err == nil {
		s.key = f.ModTime()
	}
	return s
}

// load reads the pair and says what is wrong with it. An expired certificate is
// used all the same: phones that do not look go on working.
func (c *certificate) load(stamp fileStamp) error {
	c.stamp = stamp
	cert, err := os.ReadFile(c.files.Cert)
	if err != nil {
		return fmt.Errorf("sip.tls.cert: %w", err)
	}
	key, err := os.ReadFile(c.files.Key)
	if err != nil {
		return fmt.Errorf("sip.tls.key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("sip.tls.cert %s and sip.tls.key %s are no pair: %w", c.files.Cert, c.files.Key, err)
	}
	switch now := time.Now(); {
	case now.After(pair.Leaf.NotAfter):
		c.log.Warn("certificate has expired; phones that look will refuse it", "file", c.files.Cert, "expired", pair.Leaf.NotAfter)
	case now.Add(expiryNotice).After(pair.Leaf.NotAfter):
		c.log.Warn("certificate expires soon", "file", c.files.Cert, "expires", pair.Leaf.NotAfter)
	case now.Before(pair.Leaf.NotBefore):
		c.log.Warn("certificate is not valid yet", "file", c.files.Cert, "from", pair.Leaf.NotBefore)
	}
	c.current = &pair
	return nil
}

// check finds what is missing for the listeners, before anything is started.
func (c TLSConfig) check(listen []string) error {
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("sip.tls.cert and sip.tls.key go together: give both files or none")
	}
	for i, l := range listen {
		if c.Cert == "" && secured(l) {
			return fmt.Errorf("sip.listen[%d]: %q needs a certificate: set sip.tls.cert and sip.tls.key", i, l)
		}
	}
	return nil
}
