// Package phone is a small telephone: real SIP and RTP on sockets of its own,
// played and heard by a program. `offhook call`, the demonstration and the
// tests use it.
package phone

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/call/medium"
	"offhook/media"
	"offhook/sip"
	"offhook/sip/digest"
	"offhook/sip/sdp"
)

// Config describes a phone. The zero value is one on a free port of the
// loopback.
type Config struct {
	Listen   string        // udp://127.0.0.1:0
	User     string        // its name and, with Password, its account
	Password string        // for digest
	Server   string        // host:port;transport=… that it registers at
	Codecs   []string      // PCMU, PCMA, G722
	Engine   *media.Engine // shared by many phones; nil: its own
	Logger   *slog.Logger
	Network  sip.Network // nil: the system's
	TLS      *tls.Config // for a server behind ;transport=tls; nil: the system's authorities
	// Incoming is called for each call to the phone, on a goroutine of its
	// own; nil: calls are refused with 480.
	Incoming func(*Call)
}

// Phone is one SIP endpoint with sound.
type Phone struct {
	cfg   Config
	stack *sip.Stack
	own   bool // the engine is ours to close

	mu    sync.Mutex
	calls map[*Call]struct{}
}

// New opens a phone's sockets.
func New(ctx context.Context, cfg Config) (*Phone, error) {
	if cfg.Listen == "" {
		cfg.Listen = "udp://127.0.0.1:0"
	}
	if cfg.User == "" {
		cfg.User = "phone"
	}
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = []string{"PCMU", "PCMA", "G722"}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Phone{cfg: cfg, calls: map[*Call]struct{}{}}
	if cfg.Engine == nil {
		engine, err := media.New(media.Config{MinPort: 31000, MaxPort: 39998, BindIP: netip.MustParseAddr("127.0.0.1"), Shards: 1, Logger: cfg.Logger})
		if err != nil {
			return nil, err
		}
		p.cfg.Engine, p.own = engine, true
	}
	stack, err := sip.New(sip.Config{
		Listen: []string{cfg.Listen}, Handler: p, Logger: cfg.Logger, UserAgent: "offhook-phone",
		TLS: cfg.TLS, Network: cfg.Network,
	})
	if err != nil {
		return nil, err
	}
	p.stack = stack
	if err := stack.Start(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Addr is the phone's SIP address and port.
func (p *Phone) Addr() netip.AddrPort {
	_, rest, _ := strings.Cut(p.stack.Addrs()[0], "://")
	ap, _ := netip.ParseAddrPort(rest)
	return ap
}

// Close hangs everything up and closes the sockets.
func (p *Phone) Close(ctx context.Context) error {
	p.mu.Lock()
	list := make([]*Call, 0, len(p.calls))
	for c := range p.calls {
		list = append(list, c)
	}
	p.mu.Unlock()
	for _, c := range list {
		c.Hangup()
	}
	for _, c := range list {
		select {
		case <-c.Done():
		case <-ctx.Done():
		}
	}
	err := p.stack.Shutdown(ctx)
	if p.own {
		err = errors.Join(err, p.cfg.Engine.Close())
	}
	return err
}

// Register registers at the server for so long, or unregisters with 0.
func (p *Phone) Register(ctx context.Context, expires time.Duration) error {
	host, _, _ := strings.Cut(p.cfg.Server, ";")
	ap, err := netip.ParseAddrPort(host)
	if err != nil {
		return fmt.Errorf("register: server %q: %w", p.cfg.Server, err)
	}
	build := func() (*sipmsg.Request, error) {
		domain := sipmsg.Uri{Scheme: "sip", Host: ap.Addr().String(), Port: int(ap.Port())}
		aor := domain
		aor.User = p.cfg.User
		req := sipmsg.NewRequest(sipmsg.REGISTER, domain)
		from := &sipmsg.FromHeader{Address: aor, Params: sipmsg.NewParams()}
		from.Params.Add("tag", sipmsg.GenerateTagN(10))
		req.AppendHeader(from)
		req.AppendHeader(&sipmsg.ToHeader{Address: aor, Params: sipmsg.NewParams()})
		callID := sipmsg.CallIDHeader(sipmsg.GenerateTagN(16))
		req.AppendHeader(&callID)
		req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: 1, MethodName: sipmsg.REGISTER})
		maxForwards := sipmsg.MaxForwardsHeader(70)
		req.AppendHeader(&maxForwards)
		contact, err := p.stack.ContactFor(ctx, p.cfg.User, p.cfg.Server)
		if err != nil {
			return nil, err
		}
		req.AppendHeader(contact)
		req.AppendHeader(sipmsg.NewHeader("Expires", strconv.Itoa(int(expires.Seconds()))))
		return req, nil
	}
	req, err := build()
	if err != nil {
		return err
	}
	res, err := p.stack.Do(ctx, req, p.cfg.Server)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if res.StatusCode == 401 || res.StatusCode == 407 {
		if req, err = digest.Authorize(req, res, p.cfg.User, p.cfg.Password); err != nil {
			return fmt.Errorf("register: %w", err)
		}
		if res, err = p.stack.Do(ctx, req, p.cfg.Server); err != nil {
			return fmt.Errorf("register: %w", err)
		}
	}
	if res.StatusCode != 200 {
		return fmt.Errorf("register: %d %s", res.StatusCode, res.Reason)
	}
	return nil
}

// Dial calls a SIP URI; nextHop is where the INVITE goes, empty: where the URI
// leads.
func (p *Phone) Dial(ctx context.Context, target, nextHop string) (*Call, error) {
	return p.Replace(ctx, target, nextHop, "")
}

// Replace is Dial with a Replaces header (RFC 3891): call-id;to-tag=…;from-tag=….
func (p *Phone) Replace(ctx context.Context, target, nextHop, replaces string) (*Call, error) {
	var uri sipmsg.Uri
	if err := sipmsg.ParseUri(target, &uri); err != nil {
		return nil, fmt.Errorf("dial %q: %w", target, err)
	}
	peer, _ := netip.ParseAddr(uri.Host)
	c, err := p.newCall(peer)
	if err != nil {
		return nil, err
	}
	d, err := p.stack.Invite(ctx, sip.InviteOptions{
		To: uri, NextHop: nextHop, From: p.cfg.User,
		User: p.cfg.User, Password: p.cfg.Password, Offer: c.sdp.Offer(sdp.SendRecv), Replaces: replaces,
	}, c)
	if err != nil {
		c.close()
		return nil, err
	}
	c.bind(d)
	return c, nil
}

func (p *Phone) newCall(peer netip.Addr) (*Call, error) {
	port, err := p.cfg.Engine.Open(media.PortOptions{Name: p.cfg.User})
	if err != nil {
		return nil, err
	}
	c := &Call{
		phone: p, port: port, progress: make(chan int, 16), answered: make(chan struct{}), done: make(chan struct{}),
		bound: make(chan struct{}), keys: make(chan byte, 64),
	}
	port.OnDigit(func(d media.Digit) {
		select {
		case c.keys <- d.Key:
		default:
		}
	})
	c.sdp = sdp.NewAgent(sdp.Local{
		Addr:   netip.AddrPortFrom(p.stack.LocalIPFor(peer), port.LocalAddr().Port()),
		Codecs: medium.Codecs(p.cfg.Codecs), TelephoneEvent: true, SessionName: "phone",
	})
	p.mu.Lock()
	p.calls[c] = struct{}{}
	p.mu.Unlock()
	return c, nil
}

// Invite implements sip.Handler.
func (p *Phone) Invite(d *sip.Dialog) {
	c, err := p.newCall(d.Source().Addr())
	if err != nil {
		_ = d.Reject(500, "")
		return
	}
	d.SetHandler(c)
	c.bind(d)
	if offer := d.Offer(); offer != nil {
		if c.description, err = c.takeOffer(offer); err != nil {
			_ = d.Reject(488, "")
			return
		}
	} else {
		c.description = c.sdp.Offer(sdp.SendRecv)
	}
	if p.cfg.Incoming == nil {
		_ = d.Reject(480, "")
		return
	}
	p.cfg.Incoming(c)
}

// Request implements sip.Handler.
func (p *Phone) Request(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	status := 200
	if req.Method != sipmsg.OPTIONS {
		status = 405
	}
	_ = tx.Respond(sipmsg.NewResponseFromRequest(req, status, sip.ReasonPhrase(status), nil))
}
