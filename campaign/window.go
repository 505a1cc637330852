package campaign

import (
	"fmt"
	"strings"
	"time"

	"offhook/resource"
)

// Window is a time of day on some days of the week, by the wall clock of a time
// zone: it includes its start minute and excludes its end minute. One whose end
// is not after its start goes over midnight and belongs to the day it starts on.
// Where the wall clock skips the start (daylight saving), the window opens with
// the first minute that there is; an hour that comes twice counts twice.
type Window struct {
	zone       *time.Location
	start, end int     // minutes of the day
	days       [7]bool // by time.Weekday
}

// weekdays are the names of days in schedules, by time.Weekday.
var weekdays = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// NewWindow reads a schedule. No schedule gives no window, which is always
// open.
func NewWindow(s *resource.Schedule) (*Window, error) {
	if s == nil {
		return nil, nil
	}
	w := &Window{}
	var err error
	if w.zone, err = time.LoadLocation(s.Timezone); err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	if w.start, err = minuteOf(s.StartTime); err != nil {
		return nil, err
	}
	if w.end, err = minuteOf(s.EndTime); err != nil {
		return nil, err
	}
	for i, name := range weekdays {
		w.days[i] = len(s.Days) == 0
		for _, day := range s.Days {
			w.days[i] = w.days[i] || strings.EqualFold(day, name)
		}
	}
	return w, nil
}

// minuteOf reads HH:MM as minutes since midnight.
func minuteOf(clock string) (int, error) {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		return 0, fmt.Errorf("schedule: %q is not HH:MM", clock)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// Open reports whether the window is open at t.
func (w *Window) Open(t time.Time) bool {
	if w == nil {
		return true
	}
	return w.openAt(t.In(w.zone))
}

func (w *Window) openAt(local time.Time) bool {
	minute, day := local.Hour()*60+local.Minute(), local.Weekday()
	if w.start < w.end {
		return w.days[day] && minute >= w.start && minute < w.end
	}
	if minute >= w.start {
		return w.days[day]
	}
	return minute < w.end && w.days[(day+6)%7]
}

// searched is how far Change looks: a window comes every week, unless the clock
// skips it once.
const searched = 15 * 24 * time.Hour

// Change returns the first time after t at which the window opens or closes;
// the zero time when it does not.
func (w *Window) Change(t time.Time) time.Time {
	if w == nil {
		return time.Time{}
	}
	was := w.Open(t)
	at := t.Truncate(time.Minute)
	for range int(searched / time.Minute) {
		at = at.Add(time.Minute)
		if w.openAt(at.In(w.zone)) != was {
			return at
		}
	}
	return time.Time{}
}
