package call

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/event"
	"offhook/resource"
	"offhook/sip"
	"offhook/store/rows"
)

// caller is who sent an INVITE, once that is certain.
type caller struct {
	customerID string
	extension  *resource.Extension // a registered user
	trunk      *resource.Trunk     // a carrier or PBX
	line       string              // ourselves: the type of address that was dialled
	source     resource.Address
	context    map[string]string // of a transfer to one of our own numbers, as variables
}

// Invite implements sip.Handler: a call comes in.
func (x *Exchange) Invite(d *sip.Dialog) {
	x.work.Add(1)
	defer x.work.Done()
	x.door.look(d.Invite())
	if x.full() {
		x.refuse(d, 503, "Service Unavailable", sipmsg.NewHeader("Retry-After", "10"))
		return
	}
	who, ok := x.identify(d)
	if !ok {
		return // refused already
	}
	if x.replace(d, who) {
		return
	}
	script := x.destination(d, who)
	if script.empty() {
		if who.trunk != nil && x.phoneOnTrunk(d, who) {
			x.challenge(d)
			return
		}
		x.door.strayed(d, who)
		x.refuse(d, 404, "Not Found")
		return
	}
	x.accept(d, who, script)
}

func (x *Exchange) refuse(d *sip.Dialog, status int, reason string, hdr ...sipmsg.Header) {
	d.SetHandler(refused{})
	x.door.pause(d.Source(), d.Done())
	if err := d.Reject(status, reason, hdr...); err != nil {
		x.cfg.Logger.Debug("refuse", "status", status, "error", err)
	}
}

// refused handles a dialog that never became a call.
type refused struct{}

func (refused) Progress(int, []byte)                  {}
func (refused) Answered([]byte)                       {}
func (refused) Offered([]byte) ([]byte, int)          { return nil, 488 }
func (refused) Request(*sipmsg.Request) (int, string) { return 481, "" }
func (refused) Ended(sip.End)                         {}

// accept makes a call of a dialog and runs its script, if it has one. It
// returns nil when the dialog was refused.
func (x *Exchange) accept(d *sip.Dialog, who caller, script Script) *Call {
	row := resource.Call{
		Identity: resource.Identity{CustomerID: who.customerID}, FlowID: script.FlowID,
		Source: who.source, Destination: addressOf(d.Invite().Recipient.User, ""),
		Direction: resource.DirectionIncoming,
	}
	c := x.newCall(row)
	l, err := x.newLeg(c, d.Source().Addr(), nil)
	if err != nil {
		x.cfg.Logger.Error("call refused", "error", err)
		x.refuse(d, 503, "Service Unavailable", sipmsg.NewHeader("Retry-After", "10"))
		return nil
	}
	l.dialog = d
	if offer := d.Offer(); offer != nil {
		if l.answer, err = l.takeOffer(offer); err != nil {
			c.log().Info("offer refused", "error", err)
			l.close()
			x.refuse(d, 488, "Not Acceptable Here")
			return nil
		}
	}
	c.mu.Lock()
	script.Variables = who.context
	c.leg, c.script = l, &script
	c.stage.move(l.port)
	c.row.Status = resource.StatusDialing
	c.create(event.OfCall(event.CallCreated, c.copyRow()))
	c.become(resource.StatusRinging)
	c.mu.Unlock()
	d.SetHandler(l) // what came meanwhile, such as a CANCEL, is told now that there is a call to end
	if err := d.Provisional(180, "Ringing", nil); err != nil {
		c.log().Debug("ringing", "error", err)
	}
	c.mu.Lock()
	if c.ending == nil {
		c.start()
	}
	c.mu.Unlock()
	return c
}

// identify finds out who calls: ourselves, a user with the right password, or
// a trunk's address. Others are asked for a password, and refused when it is
// wrong, in a way that does not tell whether the user exists.
func (x *Exchange) identify(d *sip.Dialog) (caller, bool) {
	req := d.Invite()
	if h := req.GetHeader(lineHeader); h != nil {
		if who, ok := x.lineOf(h.Value(), req); ok {
			return who, true
		}
	}
	if req.GetHeader("Authorization") != nil || req.GetHeader("Proxy-Authorization") != nil {
		return x.authenticate(d)
	}
	if !x.door.phones.at(d.Source()) {
		if t, ok := x.door.trunkAt(d.Source().Addr()); ok {
			return caller{customerID: t.CustomerID, trunk: t, source: sourceOf(req)}, true
		}
	}
	x.challenge(d)
	return caller{}, false
}

// lineOf recognises a call from this exchange to itself.
func (x *Exchange) lineOf(value string, req *sipmsg.Request) (caller, bool) {
	token, rest, _ := strings.Cut(value, " ")
	if subtle.ConstantTimeCompare([]byte(token), []byte(x.door.token)) != 1 {
		return caller{}, false
	}
	customerID, kind, _ := strings.Cut(rest, " ")
	return caller{customerID: customerID, line: kind, source: sourceOf(req), context: contextOf(req)}, true
}

// contextOf reads a transfer's context out of its header fields, for the flow
// of the number that it leads to.
func contextOf(req *sipmsg.Request) map[string]string {
	vars := map[string]string{}
	for _, h := range req.Headers() {
		if key, ok := strings.CutPrefix(h.Name(), contextHeader); ok && h.Name() != lineHeader {
			vars["voipbin.transfer.context."+key] = h.Value()
		}
	}
	return vars
}

// sourceOf is the caller id of a request: the asserted identity (RFC 3325)
// where there is one, else From.
func sourceOf(req *sipmsg.Request) resource.Address {
	if h := req.GetHeader("P-Asserted-Identity"); h != nil {
		var uri sipmsg.Uri
		params := sipmsg.NewParams()
		if name, err := sipmsg.ParseAddressValue(h.Value(), &uri, &params); err == nil {
			return addressOf(uri.User, name)
		}
	}
	from := req.From()
	return addressOf(from.Address.User, from.DisplayName)
}

func addressOf(user, name string) resource.Address {
	return resource.Address{Type: telOrSIP(user), Target: user, Name: name}
}

// destination is what a caller reaches: the script of the dialled number, or
// one that connects. An empty script means there is no such destination.
func (x *Exchange) destination(d *sip.Dialog, who caller) Script {
	ctx := context.Background()
	user := d.Invite().Recipient.User
	if n := x.numberFor(ctx, who.customerID, user); n != nil && n.CallFlowID != "" {
		return Script{FlowID: n.CallFlowID}
	}
	if who.trunk != nil {
		return Script{}
	}
	if script, ok := x.featureOf(who, user); ok {
		return script
	}
	if _, err := rows.Conferences.Load(ctx, x.cfg.DB, who.customerID, user); err == nil {
		return scriptOf("conference_join", map[string]any{"conference_id": user})
	}
	if who.line == resource.TypeQueue {
		return scriptOf("queue_join", map[string]any{"queue_id": user})
	}
	if e := x.extensionByNumber(ctx, who.customerID, user); e != nil {
		return connectTo(resource.Address{Type: resource.TypeExtension, Target: e.Extension})
	}
	if _, err := x.directory.agents.Load(ctx, who.customerID, user); err == nil {
		return connectTo(resource.Address{Type: resource.TypeAgent, Target: user})
	}
	to := resource.Address{Type: resource.TypeTel, Target: user}
	if who.line == "" && isNumber(user) && len(x.telPlan(ctx, who.customerID, to).targets) > 0 {
		return connectTo(to)
	}
	return Script{}
}

// connectTo is the script of a call that goes straight on to somebody else;
// the caller hears and is told what happens there.
func connectTo(to resource.Address) Script {
	return scriptOf("connect", map[string]any{
		"destinations": []resource.Address{to}, "early_media": true, "relay_reason": true,
	})
}

func scriptOf(verb string, option map[string]any) Script {
	raw, err := json.Marshal(option)
	if err != nil {
		return Script{} // maps of strings always marshal
	}
	return Script{Actions: []resource.Action{{Type: verb, Option: raw}}}
}
