package call

import (
	"testing"

	"offhook/resource"
)

// Where a carrier is dialled: what its hostname leaves open is for SRV and the
// transport's default port to say.
func TestProviderTarget(t *testing.T) {
	for _, test := range []struct{ hostname, uri, hop string }{
		{"sbc.example.com", "sip:9+1555@sbc.example.com", "sbc.example.com"},
		{"sbc.example.com:5080", "sip:9+1555@sbc.example.com:5080", "sbc.example.com:5080"},
		{"sbc.example.com;transport=tls", "sip:9+1555@sbc.example.com", "sbc.example.com;transport=tls"},
		{"[2001:db8::1]", "sip:9+1555@[2001:db8::1]", "[2001:db8::1]"},
		{"[2001:db8::1]:5070;transport=tcp", "sip:9+1555@[2001:db8::1]:5070", "[2001:db8::1]:5070;transport=tcp"},
	} {
		got, err := providerTarget(&resource.Provider{Hostname: test.hostname, TechPrefix: "9"}, "+1555")
		if err != nil || got.uri.String() != test.uri || got.nextHop != test.hop {
			t.Errorf("%s: %s by %s (%v), want %s by %s", test.hostname, got.uri.String(), got.nextHop, err, test.uri, test.hop)
		}
	}
}
