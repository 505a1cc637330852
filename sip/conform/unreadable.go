package conform

import (
	"bytes"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Unreadable returns the status with which to refuse a datagram that the parser
// could not read, as far as its first line tells; 0 when it is no request or an
// ACK and must be dropped.
func Unreadable(data []byte) (status int, reason string) {
	line, _, ok := bytes.Cut(data, []byte("\r\n"))
	if !ok || bytes.HasPrefix(line, []byte("SIP/")) || bytes.HasPrefix(line, []byte("ACK ")) {
		return 0, ""
	}
	words := strings.Fields(string(line))
	if len(words) < 3 || !strings.HasPrefix(strings.ToUpper(words[len(words)-1]), "SIP/") {
		return 0, ""
	}
	if !strings.EqualFold(words[len(words)-1], "SIP/2.0") {
		return sipmsg.StatusVersionNotSupported, "Version Not Supported"
	}
	scheme, _, found := strings.Cut(words[1], ":")
	switch strings.ToLower(scheme) {
	case "sip", "sips", "tel":
	default:
		if found && len(words) == 3 && isScheme(scheme) {
			return sipmsg.StatusRequestedRangeNotSatisfiable, "Unsupported URI Scheme"
		}
	}
	return sipmsg.StatusBadRequest, "Bad Request"
}
