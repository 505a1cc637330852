package sip

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// serveWebSocket serves SIP over WebSocket (RFC 7118) until l is closed. Each
// message of the peer is one SIP message.
func (s *Stack) serveWebSocket(transport string, l net.Listener) {
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.acceptWebSocket(transport, w, r)
		}),
	}
	_ = server.Serve(l) // returns when l is closed
	server.Close()
}

func (s *Stack) acceptWebSocket(transport string, w http.ResponseWriter, r *http.Request) {
	remote := addrPortOf(stringAddr(r.RemoteAddr))
	if !s.admit(remote) {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{"sip"}, InsecureSkipVerify: true, // SIP authenticates each request; the origin says nothing
	})
	if err != nil {
		return
	}
	ws.SetReadLimit(maxDatagram)
	local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := newStream(transport, &webSocketConn{
		Conn: websocket.NetConn(ctx, ws, websocket.MessageText), local: local, remote: stringAddr(r.RemoteAddr),
	})
	if !s.keepStream(c) {
		return
	}
	defer s.forgetStream(c)
	defer c.close()
	f := c.flow()
	for {
		_, data, err := ws.Read(ctx)
		if err != nil || !s.admit(remote) {
			return
		}
		s.receive(data, f)
	}
}

// webSocketConn has the addresses of the connection below.
type webSocketConn struct {
	net.Conn
	local, remote net.Addr
}

func (c *webSocketConn) LocalAddr() net.Addr  { return c.local }
func (c *webSocketConn) RemoteAddr() net.Addr { return c.remote }

// stringAddr is an address that is known by its text only.
type stringAddr string

func (a stringAddr) Network() string { return "tcp" }
func (a stringAddr) String() string  { return string(a) }
