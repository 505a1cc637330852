package call

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/resource"
	"offhook/sip"
	"offhook/store/rows"
)

// refer is a transfer that the party asks for from its phone (RFC 3515): blind,
// or attended when Refer-To names another of its dialogs (RFC 3891, RFC 5589).
func (c *Call) refer(req *sipmsg.Request) (int, string) {
	if !c.ofPhone() {
		return 403, "Forbidden"
	}
	h := req.GetHeader("Refer-To")
	if h == nil {
		return 400, "Missing Refer-To"
	}
	var uri sipmsg.Uri
	params := sipmsg.NewParams()
	if _, err := sipmsg.ParseAddressValue(h.Value(), &uri, &params); err != nil {
		return 400, "Bad Refer-To"
	}
	if replaces, ok := replacesOf(uri); ok {
		return c.referReplaces(replaces)
	}
	if err := c.transferable(); err != nil {
		return statusOfRefusal(err)
	}
	to := c.x.referTarget(c, uri)
	told := c.reportRefer()
	c.x.work.Go(func() {
		_, err := c.Transfer(c.ctx, TransferOptions{Blind: true, Destinations: []resource.Address{to}, Progress: told})
		if err != nil {
			told(503)
		}
	})
	return 202, "Accepted"
}

// transferable says why the call can't be transferred now, nil when it can.
func (c *Call) transferable() error {
	var v *conversation
	if s := c.seatNow(); s != nil && !s.conversation().early {
		v = s.conversation()
	} else if c.placeNow() == nil {
		return errAlone
	}
	c.x.transfers.mu.Lock()
	defer c.x.transfers.mu.Unlock()
	if c.x.transfers.busy(c, v) {
		return errTransferring
	}
	return nil
}

// statusOfRefusal is how a REFER is refused.
func statusOfRefusal(err error) (int, string) {
	if errors.Is(err, errTransferring) {
		return 491, "Being Transferred Already"
	}
	return 403, "Nobody To Transfer"
}

// ofPhone reports whether the party is a phone of ours or one that was dialled
// by its URI. A carrier's REFER would let strangers dial at the customer's
// cost; those who talk over a carrier are transferred through the API.
func (c *Call) ofPhone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.row.Direction == resource.DirectionIncoming {
		return c.row.Source.Type == resource.TypeExtension
	}
	t := c.row.Destination.Type
	return t == resource.TypeExtension || t == resource.TypeAgent || t == resource.TypeSIP
}

// reportRefer accepts a REFER: told lets the phone know how it goes (RFC 3515
// 2.4.5), in order and up to the first final status, which told waits for.
func (c *Call) reportRefer() (told func(status int)) {
	statuses, over := make(chan int, 8), make(chan struct{})
	statuses <- 100
	c.x.work.Go(func() {
		defer close(over)
		for status := range statuses {
			c.notifyRefer(status)
			if status >= 200 {
				return
			}
		}
	})
	return func(status int) {
		select {
		case <-over:
			return
		case statuses <- status:
		}
		if status >= 200 {
			<-over
		}
	}
}

func (c *Call) notifyRefer(status int) {
	c.mu.Lock()
	l := c.leg
	c.mu.Unlock()
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := l.dialog.Notify(ctx, status, sip.ReasonPhrase(status)); err != nil {
		c.log().Debug("notify", "error", err)
	}
}

// dialogName is what a Replaces header names.
type dialogName struct{ callID, toTag, fromTag string }

// replacesOf reads an escaped Replaces header out of a Refer-To URI.
func replacesOf(uri sipmsg.Uri) (dialogName, bool) {
	if uri.Headers == nil {
		return dialogName{}, false
	}
	raw, ok := uri.Headers.Get("Replaces")
	if !ok {
		return dialogName{}, false
	}
	if plain, err := url.PathUnescape(raw); err == nil {
		raw = plain
	}
	parts := strings.Split(raw, ";")
	d := dialogName{callID: parts[0]}
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, "=")
		switch strings.ToLower(name) {
		case "to-tag":
			d.toTag = value
		case "from-tag":
			d.fromTag = value
		}
	}
	return d, true
}

// callOf finds the call whose dialog has a name, as the phone sees it.
func (x *Exchange) callOf(name dialogName) *Call {
	d := x.stack.Find(name.callID, name.toTag, name.fromTag)
	if d == nil {
		d = x.stack.Find(name.callID, name.fromTag, name.toTag)
	}
	if d == nil {
		return nil
	}
	return x.callWith(d)
}

// referTarget is the address that a Refer-To URI means.
func (x *Exchange) referTarget(c *Call, uri sipmsg.Uri) resource.Address {
	if !x.isOurs(uri) {
		return resource.Address{Type: resource.TypeSIP, Target: uri.String()}
	}
	if e := x.extensionByNumber(context.Background(), c.CustomerID(), uri.User); e != nil {
		return resource.Address{Type: resource.TypeExtension, Target: uri.User}
	}
	if _, err := rows.Queues.Load(context.Background(), c.x.cfg.DB, c.CustomerID(), uri.User); err == nil {
		return resource.Address{Type: resource.TypeQueue, Target: uri.User}
	}
	if _, err := rows.Conferences.Load(context.Background(), c.x.cfg.DB, c.CustomerID(), uri.User); err == nil {
		return resource.Address{Type: resource.TypeConference, Target: uri.User}
	}
	if isNumber(uri.User) {
		return resource.Address{Type: resource.TypeTel, Target: uri.User}
	}
	return resource.Address{Type: resource.TypeSIP, Target: uri.String()}
}
