package sip

import (
	"net/netip"

	sipmsg "github.com/emiago/sipgo/sip"
)

// behindNAT tells from an INVITE whether its sender's Contact leads nowhere:
// the Contact names an address that is not where the request came from, and
// either the Via names the same wrong address, or it is a private one while the
// source is not. Behind a proxy the Route counts and none of this matters.
func behindNAT(req *sipmsg.Request, source *flow) bool {
	contact, ok := hopOf(&req.Contact().Address).literal()
	if !ok || contact.Addr() == source.remote.Addr() {
		return false
	}
	if via, err := netip.ParseAddr(req.Via().Host); err == nil && via.Unmap() == contact.Addr() {
		return true
	}
	return unreachable(contact.Addr(), source.remote.Addr())
}

// unreachable tells that a Contact's address cannot be the place of a peer
// whose messages come from source.
func unreachable(contact, source netip.Addr) bool {
	return contact.IsUnspecified() || private(contact) && !private(source)
}

var sharedAddresses = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

func private(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || sharedAddresses.Contains(ip)
}
