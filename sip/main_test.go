package sip

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine may stay behind. (What runs in virtual time is held to that by
// synctest, test by test.)
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
