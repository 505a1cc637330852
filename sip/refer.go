package sip

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Info sends INFO and waits for its final response; a refusal is a StatusError.
func (d *Dialog) Info(ctx context.Context, contentType string, body []byte) error {
	_, err := d.call(ctx, func() *sipmsg.Request {
		req := d.newRequest(sipmsg.INFO)
		setBody(req, clean(contentType), body)
		return req
	})
	return err
}

// Refer asks the peer to call target (a SIP URI; RFC 3515), replacing the
// dialog that replaces names when it is not empty (the value of a Replaces
// header, RFC 3891). It returns when the peer has accepted; how the call goes
// comes as NOTIFY in DialogHandler.Request.
func (d *Dialog) Refer(ctx context.Context, target, replaces string) error {
	target = strings.Trim(clean(target), "<>")
	if replaces != "" {
		target += "?Replaces=" + url.QueryEscape(replaces)
	}
	_, err := d.call(ctx, func() *sipmsg.Request {
		req := d.newRequest(sipmsg.REFER)
		req.AppendHeader(sipmsg.NewHeader("Refer-To", "<"+target+">"))
		req.AppendHeader(sipmsg.NewHeader("Referred-By", "<"+d.local.Address.Addr()+">"))
		return req
	})
	return err
}

// Notify tells the peer, which sent REFER, how the call that it asked for goes:
// a provisional status, then a final one, which ends the subscription.
func (d *Dialog) Notify(ctx context.Context, status int, reason string) error {
	if reason == "" {
		reason = ReasonPhrase(status)
	}
	subscription := "active;expires=60"
	if status >= 200 {
		subscription = "terminated;reason=noresource"
	}
	_, err := d.call(ctx, func() *sipmsg.Request {
		req := d.newRequest(sipmsg.NOTIFY)
		req.AppendHeader(sipmsg.NewHeader("Event", "refer"))
		req.AppendHeader(sipmsg.NewHeader("Subscription-State", subscription))
		setBody(req, "message/sipfrag;version=2.0", fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", status, clean(reason)))
		return req
	})
	return err
}
