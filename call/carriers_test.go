package call_test

import (
	"bufio"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"offhook/call"
	"offhook/resource"
)

// TestCarriersWaitForTheSockets: what is provisioned at start is not dialled
// before there is a socket, which would cost the first registration its pause.
func TestCarriersWaitForTheSockets(t *testing.T) {
	p := &resource.Provider{Identity: resource.Identity{ID: "out", CustomerID: customer}, Hostname: "127.0.0.1:5999", Register: true, Username: "u"}
	newBench(t, nil, func(cfg *call.Config) {
		x, err := call.New(*cfg)
		if err != nil {
			t.Fatal(err)
		}
		x.Changed(t.Context(), p, false)
		if _, registration := x.CarrierState(customer, "out"); registration != "" {
			t.Errorf("registration %q before the start", registration)
		}
	})
	b := newBench(t, nil)
	b.x.Changed(t.Context(), p, false)
	if _, registration := b.x.CarrierState(customer, "out"); registration == "" {
		t.Error("a provider that is changed later is not watched")
	}
}

// TestRegistrationOverTCPFollowsItsConnection: when the carrier's connection
// ends, the registration is made anew on another, long before it would run out.
func TestRegistrationOverTCPFollowsItsConnection(t *testing.T) {
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	registered := make(chan bool, 8)
	go func() {
		for {
			conn, err := far.Accept()
			if err != nil {
				return
			}
			go func() { // the first probe may have a connection of its own
				defer conn.Close()
				if answerRegister(conn) == nil {
					registered <- true
				}
			}()
		}
	}()
	b := newBench(t, nil)
	b.x.Changed(t.Context(), &resource.Provider{
		Identity: resource.Identity{ID: "out", CustomerID: customer},
		Hostname: far.Addr().String() + ";transport=tcp", Register: true, Username: "u",
	}, false)
	for range 2 {
		select {
		case <-registered:
		case <-time.After(time.Minute):
			t.Fatal("not registered anew")
		}
	}
}

// answerRegister takes requests until a REGISTER has come, and accepts them all.
func answerRegister(conn net.Conn) error {
	in := textproto.NewReader(bufio.NewReader(conn))
	for {
		first, err := in.ReadLine()
		if err != nil {
			return err
		}
		h, err := in.ReadMIMEHeader()
		if err != nil {
			return err
		}
		out := []string{"SIP/2.0 200 OK"}
		for _, name := range []string{"Via", "From", "To", "Call-Id", "Cseq", "Contact"} {
			if v := h.Get(name); v != "" {
				out = append(out, name+": "+v)
			}
		}
		if _, err := conn.Write([]byte(strings.Join(append(out, "Expires: 3600", "Content-Length: 0", "", ""), "\r\n"))); err != nil {
			return err
		}
		if strings.HasPrefix(first, "REGISTER ") {
			return nil
		}
	}
}
