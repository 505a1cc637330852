package api

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"offhook/resource"
	"offhook/store/rows"
)

// registerNumbering mounts what tells where calls come from and go to.
func (s *Server) registerNumbering() {
	numbers := serve(s, collection[resource.Number, *resource.Number]{
		path: "numbers", name: "number", rows: rows.Numbers, verbs: plain,
		writable: "number type name detail call_flow_id message_flow_id", required: "number", unique: "number", emits: "created updated deleted",
		fresh: func(n *resource.Number) { n.Type, n.Status = orElse(n.Type, "normal"), "active" },
		check: checkNumber,
	})
	numbers.part("flow_ids", "call_flow_id", "message_flow_id")
	serve(s, collection[resource.Extension, *resource.Extension]{
		path: "extensions", name: "extension", rows: rows.Extensions, verbs: plain,
		writable: "extension password name detail", required: "extension password", secret: "password", unique: "extension",
		emits: "created updated deleted", check: checkExtension, show: s.showExtension,
	})
	serve(s, collection[resource.Trunk, *resource.Trunk]{
		path: "trunks", name: "trunk", rows: rows.Trunks, verbs: plain,
		writable: "name detail domain_name auth_types username password allowed_ips", secret: "password", emits: "created updated deleted",
		fresh: func(t *resource.Trunk) {
			if len(t.AuthTypes) == 0 && len(t.AllowedIPs) > 0 {
				t.AuthTypes = []string{"ip"}
			}
		},
		check: checkTrunk,
	})
	serve(s, collection[resource.Provider, *resource.Provider]{
		path: "providers", name: "provider", rows: rows.Providers, verbs: plain,
		writable: "type name detail hostname username password register tech_prefix tech_postfix tech_headers codecs",
		required: "hostname", secret: "password", emits: "created updated deleted",
		fresh: func(p *resource.Provider) { p.Type = orElse(p.Type, "sip") },
		check: checkProvider, show: s.showProvider,
	})
	serve(s, collection[resource.Route, *resource.Route]{
		path: "routes", name: "route", rows: rows.Routes, verbs: plain,
		writable: "name detail provider_id priority target", required: "provider_id", emits: "created updated deleted",
		fresh: func(r *resource.Route) { r.Target = orElse(r.Target, "all") },
		check: checkRoute,
	})
}

var (
	userPart    = regexp.MustCompile(`^[A-Za-z0-9_.!~'()&=+$,;?/%#-]+$`) // RFC 3261 25.1 user, with # as dialled
	numberForm  = regexp.MustCompile(`^[^*]*\*?$`)
	routeTarget = regexp.MustCompile(`^(all|\+?[0-9]+)$`)
	hostForm    = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$`)
)

func checkNumber(c *check, n *resource.Number) {
	if body := strings.TrimSuffix(n.Number, "*"); !numberForm.MatchString(n.Number) || (body != "" && !userPart.MatchString(body)) {
		c.fault("number", "INVALID_VALUE", "must be E.164 or a SIP user part, with * only at the end for a range, not %q", n.Number)
	}
	c.oneOf("type", n.Type, "normal", "virtual")
	if others, err := rows.Numbers.Find(c.ctx, c.s.db, rows.KeyNumber, n.Number); err != nil {
		c.fault("number", "INTERNAL", "numbers can't be read now, try again")
	} else if slices.ContainsFunc(others, func(o *resource.Number) bool { return o.CustomerID != n.CustomerID }) {
		c.fault("number", "ALREADY_EXISTS", "%q is in use", n.Number)
	}
	refersToFlow(c, "call_flow_id", n.CallFlowID)
	refersToFlow(c, "message_flow_id", n.MessageFlowID)
}

func checkExtension(c *check, e *resource.Extension) {
	if !userPart.MatchString(e.Extension) {
		c.fault("extension", "INVALID_VALUE", "must be a SIP user part such as 1001, not %q", e.Extension)
	}
	if e.Password == "" {
		c.fault("password", "MISSING_FIELD", "a phone needs a password to register with")
	}
}

// showExtension adds what the phone needs to know and which phones are there.
func (s *Server) showExtension(_ context.Context, e *resource.Extension) {
	e.Username = e.Extension
	if s.cfg.Domain != nil {
		e.DomainName = domainOf(e.CustomerID, s.cfg.Domain())
	}
	if s.cfg.Registrations != nil {
		e.Registered = s.cfg.Registrations.Contacts(*e)
	}
}

// domainOf is the SIP domain of a customer's phones: the server's, below the
// customer's id for all but the administrator's, since two customers may have
// the same extension.
func domainOf(customerID, domain string) string {
	if customerID == AdminCustomerID {
		return domain
	}
	if _, err := netip.ParseAddr(domain); err == nil {
		return customerID // an address has nothing below it
	}
	return customerID + "." + domain
}

func checkTrunk(c *check, t *resource.Trunk) {
	if len(t.AuthTypes) == 0 {
		c.fault("auth_types", "MISSING_FIELD", "say how the trunk is known: ip (with allowed_ips), basic (with username and password), or both")
	}
	for i, a := range t.AuthTypes {
		c.oneOf(fmt.Sprintf("auth_types[%d]", i), a, "ip", "basic")
	}
	if slices.Contains(t.AuthTypes, "ip") && len(t.AllowedIPs) == 0 {
		c.fault("allowed_ips", "MISSING_FIELD", "auth_types has ip, so give the addresses or CIDR blocks that calls come from")
	}
	for i, a := range t.AllowedIPs {
		_, errAddr := netip.ParseAddr(a)
		_, errPrefix := netip.ParsePrefix(a)
		if errAddr != nil && errPrefix != nil {
			c.fault(fmt.Sprintf("allowed_ips[%d]", i), "INVALID_VALUE", "must be an IP address or a CIDR block, not %q", a)
		}
	}
	if slices.Contains(t.AuthTypes, "basic") {
		for name, value := range map[string]string{"username": t.Username, "password": t.Password} {
			if value == "" {
				c.fault(name, "MISSING_FIELD", "auth_types has basic, so give a %s", name)
			}
		}
	}
}

func checkProvider(c *check, p *resource.Provider) {
	c.oneOf("type", p.Type, "sip")
	host, params, _ := strings.Cut(p.Hostname, ";")
	if !hostForm.MatchString(host) {
		c.fault("hostname", "INVALID_VALUE", "must be host or host:port, optionally with ;transport=udp, tcp or tls, not %q", p.Hostname)
	}
	if params != "" {
		name, value, _ := strings.Cut(params, "=")
		if name != "transport" || !slices.Contains([]string{"udp", "tcp", "tls"}, value) {
			c.fault("hostname", "INVALID_VALUE", "only ;transport=udp, tcp or tls may follow the host, not %q", params)
		}
	}
	if p.Register && p.Username == "" {
		c.fault("username", "MISSING_FIELD", "register needs a username")
	}
	for i, codec := range p.Codecs {
		c.oneOf(fmt.Sprintf("codecs[%d]", i), strings.ToUpper(codec), "PCMU", "PCMA", "G722", "OPUS")
	}
	for name, value := range p.TechHeaders {
		if !regexpHeader.MatchString(name) || strings.ContainsAny(value, "\r\n") {
			c.fault("tech_headers."+name, "INVALID_VALUE", "must be a SIP header name with a value on one line")
		}
	}
}

var regexpHeader = regexp.MustCompile(`^[A-Za-z0-9.!%*_+'~` + "`" + `-]+$`) // RFC 3261 25.1 token

// showProvider adds what is known of the carrier now.
func (s *Server) showProvider(_ context.Context, p *resource.Provider) {
	p.HealthStatus = orElse(p.HealthStatus, "unknown")
	if s.cfg.Carriers == nil {
		return
	}
	health, register := s.cfg.Carriers.State(p.CustomerID, p.ID)
	p.HealthStatus, p.RegisterStatus = orElse(health, p.HealthStatus), register
}

func checkRoute(c *check, r *resource.Route) {
	refers(c, "provider_id", rows.Providers, "provider", r.ProviderID)
	if !routeTarget.MatchString(r.Target) {
		c.fault("target", "INVALID_VALUE", "must be all or the begin of numbers such as +49, not %q", r.Target)
	}
	c.atLeast("priority", r.Priority, 0)
}
