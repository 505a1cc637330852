package campaign

import (
	"testing"
	"time"

	"offhook/resource"
)

func windowOf(t *testing.T, zone, start, end string, days ...string) *Window {
	t.Helper()
	w, err := NewWindow(&resource.Schedule{Timezone: zone, StartTime: start, EndTime: end, Days: days})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWindow(t *testing.T) {
	office := windowOf(t, "America/New_York", "09:00", "17:00", "mon", "tue", "wed", "thu", "fri")
	night := windowOf(t, "Europe/Berlin", "22:00", "06:00", "fri")
	early := windowOf(t, "Europe/Berlin", "02:30", "03:30")
	for _, c := range []struct {
		name string
		w    *Window
		at   string
		open bool
	}{
		{"start minute in", office, "2026-11-20T14:00:00Z", true}, // Friday 09:00 EST
		{"just before", office, "2026-11-20T13:59:59Z", false},
		{"last second", office, "2026-11-20T21:59:59Z", true},
		{"end minute out", office, "2026-11-20T22:00:00Z", false},
		{"summer time", office, "2026-07-01T13:00:00Z", true}, // Wednesday 09:00 EDT
		{"before summer's start", office, "2026-07-01T12:59:59Z", false},
		{"day of the zone, not of UTC", office, "2026-11-22T14:00:00Z", false}, // Sunday
		{"over midnight, the evening", night, "2026-11-20T21:00:00Z", true},    // Friday 22:00 CET
		{"over midnight, the morning after", night, "2026-11-21T04:59:59Z", true},
		{"over midnight, its end", night, "2026-11-21T05:00:00Z", false},
		{"over midnight, the morning before", night, "2026-11-20T04:00:00Z", false}, // Friday 05:00: Thursday's
		{"over midnight, the next evening", night, "2026-11-21T21:30:00Z", false},
		{"a start that the clock skips", early, "2026-03-29T01:00:00Z", true}, // 03:00 CEST follows 01:59 CET
		{"before the skipped hour", early, "2026-03-29T00:59:59Z", false},
		{"an hour that comes twice, first", early, "2026-10-25T00:30:00Z", true},  // 02:30 CEST
		{"an hour that comes twice, second", early, "2026-10-25T01:30:00Z", true}, // 02:30 CET
		{"between both", early, "2026-10-25T01:00:00Z", false},                    // 02:00 CET
		{"no window", nil, "2026-10-25T01:00:00Z", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.w.Open(at(t, c.at)); got != c.open {
				t.Errorf("open at %s: %v", c.at, got)
			}
		})
	}
}

func TestWindowChange(t *testing.T) {
	office := windowOf(t, "America/New_York", "09:00", "17:00", "mon", "tue", "wed", "thu", "fri")
	for _, c := range []struct{ name, from, want string }{
		{"opens", "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z"},
		{"closes", "2026-11-20T14:00:00Z", "2026-11-20T22:00:00Z"},
		{"over the weekend", "2026-11-20T22:00:00Z", "2026-11-23T14:00:00Z"},
		{"into winter time", "2026-10-30T22:30:00Z", "2026-11-02T14:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := office.Change(at(t, c.from)); !got.Equal(at(t, c.want)) {
				t.Errorf("after %s: %s", c.from, got.UTC())
			}
		})
	}
	var always *Window
	if got := always.Change(time.Now()); !got.IsZero() {
		t.Errorf("no window changes at %s", got)
	}
}

// TestWindowChangeAgrees holds Change against Open, minute by minute over the
// changes of the clock.
func TestWindowChangeAgrees(t *testing.T) {
	for _, w := range []*Window{
		windowOf(t, "Europe/Berlin", "02:30", "03:30"), windowOf(t, "Europe/Berlin", "23:00", "02:15", "sat", "sun"),
		windowOf(t, "Australia/Lord_Howe", "01:45", "02:10"), windowOf(t, "America/Sao_Paulo", "00:00", "12:00", "mon"),
	} {
		for _, from := range []string{"2026-03-28T00:00:00Z", "2026-10-24T00:00:00Z", "2026-04-04T00:00:00Z"} {
			now := at(t, from)
			next := w.Change(now)
			for range 3 * 24 * 60 {
				later := now.Add(time.Minute)
				if changed := w.Open(now) != w.Open(later); changed != later.Equal(next) {
					t.Fatalf("%s to %s: changed %v, announced %s", now, later, changed, next)
				}
				if now = later; now.Equal(next) {
					next = w.Change(now)
				}
			}
		}
	}
}

func TestScheduleFaults(t *testing.T) {
	for _, s := range []resource.Schedule{
		{Timezone: "Mars/Olympus", StartTime: "09:00", EndTime: "17:00"},
		{Timezone: "UTC", StartTime: "9", EndTime: "17:00"},
		{Timezone: "UTC", StartTime: "09:00", EndTime: "25:00"},
	} {
		if _, err := NewWindow(&s); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}
