package action_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// same compares traces.
func same(t *testing.T, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s\nwhole:\n%s", diff, strings.Join(got, "\n"))
	}
}
