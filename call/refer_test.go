package call_test

import (
	"errors"
	"testing"

	"offhook/sip"
)

// TestCarrierMayNotRefer lets a caller from a trunk ask for a transfer: it
// could make the customer pay for calls to anywhere.
func TestCarrierMayNotRefer(t *testing.T) {
	w := newThreeWay(t, answer)
	err := w.c.call.Refer(t.Context(), "sip:1002@"+w.addr.String(), "", func(int) {})
	var refused *sip.StatusError
	if !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("REFER from a trunk: %v, want 403", err)
	}
	hears(t, "after", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
}
