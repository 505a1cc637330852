package sdp

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// maxParts bounds how deep and how far a multipart body is looked into.
const maxParts = 16

// Extract returns the session description in a message body of the given
// Content-Type: the body itself, or the first such part of a multipart body
// (RFC 5621), as carriers send it beside ISUP or a caller's location. A body
// without a type is taken for a description. It returns nil when there is none.
func Extract(contentType string, body []byte) []byte {
	return extract(contentType, body, 0)
}

func extract(contentType string, body []byte, depth int) []byte {
	if len(body) == 0 {
		return nil
	}
	if contentType == "" {
		return body
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		media, _, _ = strings.Cut(contentType, ";")
		media = strings.ToLower(strings.TrimSpace(media))
	}
	switch {
	case media == "application/sdp":
		return body
	case !strings.HasPrefix(media, "multipart/") || params["boundary"] == "" || depth == 2:
		return nil
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range maxParts {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil
		}
		kind := part.Header.Get("Content-Type")
		if kind == "" {
			kind = "text/plain" // RFC 2045 section 5.2
		}
		content, err := io.ReadAll(io.LimitReader(part, maxBytes))
		if err != nil {
			return nil
		}
		if found := extract(kind, content, depth+1); found != nil {
			return found
		}
	}
	return nil
}
