package call_test

import (
	"context"
	"encoding/json"
	"testing"

	"offhook/call"
	"offhook/resource"
)

// connectScript runs the connect actions that the exchange makes for calls
// between its own users.
func connectScript(t *testing.T) func(context.Context, *call.Call, call.Script) {
	return func(ctx context.Context, c *call.Call, s call.Script) {
		var o struct{ Destinations []resource.Address }
		if len(s.Actions) != 1 || s.Actions[0].Type != "connect" || json.Unmarshal(s.Actions[0].Option, &o) != nil {
			t.Errorf("script %+v", s)
			return
		}
		_, _ = c.Connect(ctx, call.ConnectOptions{Destinations: o.Destinations, EarlyMedia: true, RelayReason: true})
	}
}
