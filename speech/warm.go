package speech

import (
	"context"
	"io"
	"net/http"
)

// Warmer is an engine behind a network.
type Warmer interface {
	// Warm opens a connection, so that the first request need not. It blocks
	// as long as that takes, and tells no errors: the request will.
	Warm(ctx context.Context)
}

// Warm warms an engine, where that is of use.
func Warm(ctx context.Context, engine any) {
	if w, ok := engine.(Warmer); ok {
		w.Warm(ctx)
	}
}

// Touch asks a server of OpenAI's endpoints for its models, by which the
// client has a connection to it. base is the URL that endpoints are appended
// to; empty: nothing is asked.
func Touch(ctx context.Context, client *http.Client, base, key string) {
	if base == "" {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/models", nil)
	if err != nil {
		return
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if res, err := client.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
		_ = res.Body.Close()
	}
}
