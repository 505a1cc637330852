package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cursor is where a page begins: before a row's number, or before a time.
type cursor struct{ seq, created int64 }

// tokenMark tells our tokens from times.
const tokenMark = "p"

func newToken(seq int64) string { return tokenMark + strconv.FormatInt(seq, 36) }

// parseToken reads a token of ours, or a time as VoIPBIN's clients keep them:
// RFC 3339, or "2006-01-02 15:04:05.999999" in UTC.
func parseToken(token string) (cursor, error) {
	if token == "" {
		return cursor{}, nil
	}
	if digits, ok := strings.CutPrefix(token, tokenMark); ok {
		seq, err := strconv.ParseInt(digits, 36, 64)
		if err == nil && seq > 0 && newToken(seq) == token {
			return cursor{seq: seq}, nil
		}
		return cursor{}, fmt.Errorf("store: %q: %w", token, ErrToken)
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime} {
		if t, err := time.Parse(layout, token); err == nil && t.UnixMicro() > 0 {
			return cursor{created: t.UnixMicro()}, nil
		}
	}
	return cursor{}, fmt.Errorf("store: %q: %w", token, ErrToken)
}
