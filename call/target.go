package call

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/resource"
	"offhook/store/rows"
)

// lineHeader marks calls from this exchange to itself. Its value holds a token
// of the process, so nobody else can write it.
const lineHeader = "X-Offhook-Line"

// target is one way to reach an address: a route, a registered contact, a URI.
type target struct {
	uri            sipmsg.Uri
	nextHop        string // host:port;transport=…; empty: as the URI says
	user, password string // for digest
	headers        []sipmsg.Header
	codecs         []string
	provider       string // its id, for health
}

// plan is an address with the ways to reach it, best first.
type plan struct {
	address resource.Address
	targets []target
	fault   string // why there is no way
}

// plans turns destinations into what can be dialled. An extension with several
// phones and an agent with several addresses become several plans.
func (x *Exchange) plans(ctx context.Context, customerID string, destinations []resource.Address) []plan {
	var list []plan
	for _, d := range destinations {
		switch d.Type {
		case resource.TypeExtension:
			list = append(list, x.extensionPlans(ctx, customerID, d)...)
		case resource.TypeAgent:
			list = append(list, x.agentPlans(ctx, customerID, d)...)
		case resource.TypeSIP:
			list = append(list, x.sipPlan(ctx, customerID, d))
		case resource.TypeConference, resource.TypeQueue:
			list = append(list, plan{address: d, targets: []target{x.ourselves(customerID, d.Type, d.Target)}})
		default:
			list = append(list, x.telPlan(ctx, customerID, d))
		}
	}
	return list
}

// telPlan is an own number's flow, else the routes by longest prefix, then
// priority.
func (x *Exchange) telPlan(ctx context.Context, customerID string, d resource.Address) plan {
	p := plan{address: d}
	if n := x.numberFor(ctx, customerID, d.Target); n != nil && n.CallFlowID != "" {
		p.targets = []target{x.ourselves(customerID, resource.TypeTel, d.Target)}
		return p
	}
	routes, err := x.directory.routes.All(ctx, customerID)
	if err != nil {
		p.fault = err.Error()
		return p
	}
	routes = slices.DeleteFunc(slices.Clone(routes), func(r *resource.Route) bool { return !routeMatches(r.Target, d.Target) })
	slices.SortStableFunc(routes, func(a, b *resource.Route) int {
		if la, lb := prefixLength(a.Target), prefixLength(b.Target); la != lb {
			return lb - la
		}
		return a.Priority - b.Priority
	})
	var ill []target
	for _, r := range routes {
		prov, err := x.directory.providers.Load(ctx, customerID, r.ProviderID)
		if err != nil {
			continue // deleted since
		}
		t, err := providerTarget(prov, d.Target)
		if err != nil {
			x.cfg.Logger.Warn("route skipped", "route", r.ID, "error", err)
			continue
		}
		if x.door.healthy(customerID, prov.ID) {
			p.targets = append(p.targets, t)
		} else {
			ill = append(ill, t) // after all others: its health may be out of date
		}
	}
	p.targets = append(p.targets, ill...)
	if len(p.targets) == 0 {
		p.fault = "no route leads to " + d.Target
	}
	return p
}

func routeMatches(prefix, number string) bool {
	return prefix == "" || prefix == "all" ||
		strings.HasPrefix(strings.TrimPrefix(number, "+"), strings.TrimPrefix(prefix, "+"))
}

func prefixLength(prefix string) int {
	if prefix == "all" {
		return 0
	}
	return len(strings.TrimPrefix(prefix, "+"))
}

// providerTarget builds the URI that a carrier is dialled with.
func providerTarget(p *resource.Provider, number string) (target, error) {
	host, _, _ := strings.Cut(p.Hostname, ";")
	var uri sipmsg.Uri
	user := p.TechPrefix + number + p.TechPostfix
	if err := sipmsg.ParseUri("sip:"+user+"@"+host, &uri); err != nil {
		return target{}, fmt.Errorf("provider %s: hostname %q: %w", p.ID, p.Hostname, err)
	}
	// Without a port the next hop is found by SRV, else it is the transport's.
	t := target{uri: uri, nextHop: p.Hostname, user: p.Username, password: p.Password, codecs: p.Codecs, provider: p.ID}
	for name, value := range p.TechHeaders {
		t.headers = append(t.headers, sipmsg.NewHeader(name, value))
	}
	return t, nil
}

// extensionPlans is every phone that is registered for an extension.
func (x *Exchange) extensionPlans(ctx context.Context, customerID string, d resource.Address) []plan {
	ext := x.extensionFor(ctx, customerID, d.Target)
	if ext == nil {
		return []plan{{address: d, fault: "there is no extension " + d.Target}}
	}
	d.TargetName = ext.Extension
	var list []plan
	for _, c := range x.door.registrar.Contacts(aorOf(ext)) {
		uri, err := c.Target()
		if err != nil {
			continue // the registrar has checked it
		}
		list = append(list, plan{address: d, targets: []target{{uri: uri, nextHop: c.NextHop()}}})
	}
	if len(list) == 0 {
		return []plan{{address: d, fault: "no phone is registered for extension " + ext.Extension}}
	}
	return list
}

// extensionFor finds a customer's extension by number or id.
func (x *Exchange) extensionFor(ctx context.Context, customerID, target string) *resource.Extension {
	if e, err := x.directory.extensions.Load(ctx, customerID, target); err == nil {
		return e
	}
	return x.extensionByNumber(ctx, customerID, target)
}

func (x *Exchange) extensionByNumber(ctx context.Context, customerID, number string) *resource.Extension {
	list, err := x.directory.extensions.Find(ctx, rows.KeyExtension, number)
	if err != nil {
		return nil
	}
	for _, e := range list {
		if e.CustomerID == customerID {
			return e
		}
	}
	return nil
}

// agentPlans is every address of an agent.
func (x *Exchange) agentPlans(ctx context.Context, customerID string, d resource.Address) []plan {
	a, err := x.directory.agents.Load(ctx, customerID, d.Target)
	if err != nil || len(a.Addresses) == 0 {
		return []plan{{address: d, fault: "agent " + d.Target + " has no address"}}
	}
	var plain []resource.Address
	for _, address := range a.Addresses {
		if address.Type != resource.TypeAgent {
			plain = append(plain, address)
		}
	}
	return x.plans(ctx, customerID, plain)
}

// sipPlan dials a URI directly, or ourselves when it is one of our addresses.
func (x *Exchange) sipPlan(ctx context.Context, customerID string, d resource.Address) plan {
	p := plan{address: d}
	raw := d.Target
	if !strings.HasPrefix(raw, "sip:") && !strings.HasPrefix(raw, "sips:") {
		raw = "sip:" + raw
	}
	var uri sipmsg.Uri
	if err := sipmsg.ParseUri(raw, &uri); err != nil || uri.Host == "" {
		p.fault = fmt.Sprintf("%q is not a SIP URI", d.Target)
		return p
	}
	if x.isOurs(uri) {
		p.targets = []target{x.ourselves(customerID, resource.TypeSIP, uri.User)}
		return p
	}
	if cust, err := x.directory.customers.Load(ctx, customerID, customerID); err == nil && !cust.AllowSIPTargets {
		p.fault = "sip addresses may not be dialled by this customer"
		return p
	}
	p.targets = []target{{uri: uri}}
	return p
}

// ourselves dials a destination of this exchange over the loopback.
func (x *Exchange) ourselves(customerID, kind, user string) target {
	hop, transport := x.Loopback()
	uri := sipmsg.Uri{Scheme: "sip", User: user, Host: hop.Addr().String(), Port: int(hop.Port())}
	return target{
		uri: uri, nextHop: hop.String() + ";transport=" + transport,
		headers: []sipmsg.Header{sipmsg.NewHeader(lineHeader, x.door.token+" "+customerID+" "+kind)},
	}
}

// Loopback is an own socket as seen from this machine: UDP, or TCP where there
// is none; at is not valid where there is neither. Start opens the sockets.
func (x *Exchange) Loopback() (at netip.AddrPort, transport string) {
	addrs := x.stack.Addrs()
	for _, transport := range []string{"udp", "tcp"} {
		for _, a := range addrs {
			rest, ok := strings.CutPrefix(a, transport+"://")
			if !ok {
				continue
			}
			ap, err := netip.ParseAddrPort(rest)
			if err != nil {
				continue
			}
			if ap.Addr().IsUnspecified() {
				ap = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), ap.Port())
			}
			return ap, transport
		}
	}
	return netip.AddrPort{}, "udp"
}

// isOurs reports whether a URI leads to one of our own sockets or our domain.
func (x *Exchange) isOurs(u sipmsg.Uri) bool {
	if u.Host != "" && u.Host == x.cfg.Domain {
		return true
	}
	port := u.Port
	if port == 0 {
		port = 5060
	}
	ip, err := netip.ParseAddr(u.Host)
	if err != nil {
		return false
	}
	for _, a := range x.stack.Addrs() {
		_, rest, _ := strings.Cut(a, "://")
		ap, err := netip.ParseAddrPort(rest)
		if err == nil && int(ap.Port()) == port && (ap.Addr() == ip || ap.Addr().IsUnspecified() && ip == x.advertise(ip)) {
			return true
		}
	}
	return false
}
