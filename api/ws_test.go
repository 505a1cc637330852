package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"offhook/event"
)

// TestEventsArriveByWebSocket subscribes as a browser would, with the key in
// the query, and sees its own customer's events and nobody else's.
func TestEventsArriveByWebSocket(t *testing.T) {
	hub := event.NewHub()
	b := newBench(t, func(c *Config) { c.Events = hub })
	b.db.OnCommit(hub.Publish)
	one := b.customer("one")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(b.url, "http", "ws", 1)+"/v1.0/ws?token="+one.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	type frame struct {
		Type string         `json:"type"`
		Data map[string]any `json:"data,omitempty"`
	}
	read := func() (f frame) {
		if err := wsjson.Read(ctx, conn, &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	if err := wsjson.Write(ctx, conn, map[string]any{"type": "subscribe", "topics": []string{"customer_id:one:tag:*"}}); err != nil {
		t.Fatal(err)
	}
	read() // the acknowledgement
	b.post("/v1.0/tags", `{"id":"theirs","name":"x"}`).ok()
	one.post("/v1.0/tags", `{"id":"mine","name":"x"}`).ok()
	if f := read(); f.Type != "tag_created" || f.Data["id"] != "mine" {
		t.Errorf("got %+v", f)
	}
	b.as("").get("/v1.0/ws?token=wrong").refused(401, "INVALID_CREDENTIALS")
}
