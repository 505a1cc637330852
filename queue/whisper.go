package queue

import (
	"fmt"
	"strings"
	"time"
)

// whisper is what an agent hears before the caller: the queue and how long the
// caller has waited.
func whisper(queue string, waited time.Duration, back bool) string {
	what := "Call"
	if back {
		what = "Callback"
	}
	if queue != "" {
		what += " for " + queue
	}
	minutes, seconds := int(waited.Minutes()), int(waited.Seconds())%60
	var parts []string
	if minutes > 0 {
		parts = append(parts, count(minutes, "minute"))
	}
	if seconds > 0 && minutes < 5 {
		parts = append(parts, count(seconds, "second"))
	}
	if len(parts) == 0 {
		return what + "."
	}
	return fmt.Sprintf("%s. Waited %s.", what, strings.Join(parts, " "))
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
