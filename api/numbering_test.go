package api

import "testing"

func TestDomainOf(t *testing.T) {
	for _, c := range []struct{ customer, domain, want string }{
		{AdminCustomerID, "pbx.test", "pbx.test"},
		{"acme", "pbx.test", "acme.pbx.test"},
		{"acme", "192.0.2.1", "acme"},
		{"acme", "2001:db8::1", "acme"},
	} {
		if got := domainOf(c.customer, c.domain); got != c.want {
			t.Errorf("domainOf(%s, %s) = %s, want %s", c.customer, c.domain, got, c.want)
		}
	}
}
