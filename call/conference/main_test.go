package conference_test

import (
	"flag"
	"os"
	"testing"
)

// Tests that wait for sound run beside each other, more than there are
// processors.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
