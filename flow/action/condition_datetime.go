package action

import (
	"context"
	"slices"
	"time"
	_ "time/tzdata" // zones must be there on machines without a zone database

	"offhook/flow"
)

// ConditionDatetime is the option of condition_datetime. Parts that are not
// given are not compared. VoIPBIN compares "configured condition now" and takes
// an absent hour for 0; people write it the other way round, and so it is here:
// {"condition": ">=", "hour": 9} is true from nine o'clock on.
type ConditionDatetime struct {
	Condition     string `json:"condition" default:"==" enum:"==,!=,>,>=,<,<=,equal,not_equal,greater,greater_equal,less,less_equal," doc:"How the present time is compared with each part that is given: now condition part"`
	Minute        *int   `json:"minute" minimum:"-1" maximum:"59" doc:"0 to 59; -1 or absent: any"`
	Hour          *int   `json:"hour" minimum:"-1" maximum:"23" doc:"0 to 23; -1 or absent: any"`
	Day           int    `json:"day" minimum:"-1" maximum:"31" doc:"Day of the month, 1 to 31; 0, -1 or absent: any"`
	Month         int    `json:"month" minimum:"-1" maximum:"12" doc:"1 to 12; 0, -1 or absent: any"`
	Weekdays      []int  `json:"weekdays" minimum:"0" maximum:"6" doc:"Days of the week on which it can be true, 0 is Sunday; empty: all"`
	Timezone      string `json:"timezone" default:"UTC" doc:"Time zone by its IANA name, such as Europe/Berlin"`
	FalseTargetID string `json:"false_target_id" target:"" doc:"The action to go to when the condition is false; empty: the next one"`
}

// Validate implements flow.Validator.
func (o *ConditionDatetime) Validate(c *flow.Check) {
	if _, err := zone(o.Timezone); err != nil {
		c.Fault("timezone", "unknown time zone %q; use a name such as Europe/Berlin", o.Timezone)
	}
}

// zone loads a time zone. The server's own is not meant by any name.
func zone(name string) (*time.Location, error) {
	if name == "Local" {
		name = "unknown"
	}
	return time.LoadLocation(name)
}

// Run implements flow.Option.
func (o *ConditionDatetime) Run(context.Context, *flow.Run) (flow.Next, error) {
	at, err := zone(o.Timezone)
	if err != nil {
		return flow.Continue(), err
	}
	if o.true(time.Now().In(at)) {
		return flow.Continue(), nil
	}
	return flow.Jump(o.FalseTargetID), nil
}

func (o *ConditionDatetime) true(now time.Time) bool {
	if len(o.Weekdays) > 0 && !slices.Contains(o.Weekdays, int(now.Weekday())) {
		return false
	}
	any := func(part *int) bool { return part == nil || *part < 0 }
	return (o.Month <= 0 || holds(int(now.Month()), o.Condition, o.Month)) &&
		(o.Day <= 0 || holds(now.Day(), o.Condition, o.Day)) &&
		(any(o.Hour) || holds(now.Hour(), o.Condition, *o.Hour)) &&
		(any(o.Minute) || holds(now.Minute(), o.Condition, *o.Minute))
}
