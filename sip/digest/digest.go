// Package digest is SIP authentication by challenge and response: RFC 3261
// section 22 with the algorithms of RFC 7616 and RFC 8760. Server checks
// requests that come in, Client answers the challenges of others.
package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// The algorithms spoken (RFC 7616 section 6.1).
const (
	MD5    = "MD5"
	SHA256 = "SHA-256"
)

// Secret is what a server knows of a user: the password, or one of the hashes
// that stand for it in one realm so that the password need not be kept. A hash
// takes precedence over the password for its algorithm.
type Secret struct {
	Password string
	MD5      string // A1 hash, lower-case hex, as A1 makes it
	SHA256   string
}

// A1 returns the hash of user, realm and password by which Secret can replace
// the password (RFC 7616 section 3.4.2); empty for an unknown algorithm.
func A1(algorithm, user, realm, password string) string {
	// On the stack, so that the length of a password does not show in the work.
	text := make([]byte, 0, 512)
	text = append(append(append(append(append(text, user...), ':'), realm...), ':'), password...)
	switch canonical(algorithm) {
	case MD5:
		sum := md5.Sum(text)
		return hex.EncodeToString(sum[:])
	case SHA256:
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:])
	}
	return ""
}

// canonical spells an algorithm; an absent one is MD5.
func canonical(algorithm string) string {
	if algorithm == "" {
		return MD5
	}
	return strings.ToUpper(algorithm)
}

// a1 returns the user's A1 hash. It does the same work whether the secret has a
// hash or a password.
func (s Secret) a1(algorithm, user, realm string) string {
	fromPassword := A1(algorithm, user, realm, s.Password)
	switch {
	case algorithm == MD5 && s.MD5 != "":
		return strings.ToLower(s.MD5)
	case algorithm == SHA256 && s.SHA256 != "":
		return strings.ToLower(s.SHA256)
	case s.Password == "":
		return ""
	}
	return fromPassword
}
