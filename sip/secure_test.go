package sip

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	sipmsg "github.com/emiago/sipgo/sip"
)

// selfSigned is a configuration for both ends that trusts its own certificate.
func selfSigned(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, RootCAs: pool}
}

func TestCallOverTLS(t *testing.T) {
	cfg := Config{Listen: []string{"tls://127.0.0.1:0"}, TLS: selfSigned(t)}
	bob, alice := newParty(t, cfg), newParty(t, cfg)
	out := dial(t, alice, nil, InviteOptions{To: bob.uri("tls", "bob")})
	in := bob.next(t)
	in.Answer([]byte("v=answer"))
	alice.expect(t, "answered v=answer")
	out.Hangup(Cause{})
	bob.expect(t, "ended peer 200")
	if in.Transport() != "TLS" || !strings.HasSuffix(in.Invite().Contact().Address.String(), "transport=tls") {
		t.Errorf("transport %s, Contact %s", in.Transport(), in.Invite().Contact())
	}
}

// A browser phone: its Contact and Via name no address at all, and the BYE
// comes on its connection (RFC 7118).
func TestCallOverWebSocket(t *testing.T) {
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) { callOverWebSocket(t, scheme) })
	}
}

func callOverWebSocket(t *testing.T, scheme string) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	certificate := selfSigned(t)
	bob := newParty(t, Config{Listen: []string{scheme + "://127.0.0.1:0"}, TLS: certificate})
	to := bob.uri(scheme, "bob")
	ws, _, err := websocket.Dial(ctx, scheme+"://"+to.HostPort(), &websocket.DialOptions{
		Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: certificate}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	send := func(first, cseq, tag string) {
		t.Helper()
		var b bytes.Buffer
		b.WriteString(first + " SIP/2.0\r\nVia: SIP/2.0/" + strings.ToUpper(scheme) + " x.invalid;branch=z9hG4bK" + strings.ReplaceAll(cseq, " ", "") + "\r\nFrom: <sip:a@x.invalid>;tag=a\r\nTo: <sip:bob@x>" + tag +
			"\r\nCall-ID: ws\r\nCSeq: " + cseq + "\r\nContact: <sip:a@x.invalid;transport=ws>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
		if err := ws.Write(ctx, websocket.MessageText, b.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	receive := func(want string) sipmsg.Message {
		t.Helper()
		_, data, err := ws.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(data), want) {
			t.Fatalf("got\n%s\nwant %s", data, want)
		}
		m, err := sipmsg.ParseMessage(data)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	send("INVITE sip:bob@x", "1 INVITE", "")
	receive("SIP/2.0 100")
	in := bob.next(t)
	in.Answer([]byte("v=offer"))
	receive("SIP/2.0 200")
	send("ACK sip:bob@x", "1 ACK", ";tag="+in.LocalTag())
	bob.expect(t, "answered")
	in.Hangup(Cause{})
	bye := receive("BYE sip:a@x.invalid").(*sipmsg.Request)
	if err := ws.Write(ctx, websocket.MessageText, []byte(sipmsg.NewResponseFromRequest(bye, 200, "OK", nil).String())); err != nil {
		t.Fatal(err)
	}
	bob.expect(t, "ended local 200")
}
