package resource

import (
	"strings"
	"time"
)

// Schedule is when a campaign may dial: local time, start included, end excluded.
type Schedule struct {
	Timezone  string   `json:"timezone" doc:"IANA name"`
	StartTime string   `json:"start_time" doc:"HH:MM"`
	EndTime   string   `json:"end_time" doc:"HH:MM; before the start it means the next day"`
	Days      []string `json:"days" doc:"mon to sun; empty: every day"`
}

// Hours is a time of day in the zone that a number belongs to.
type Hours struct {
	StartTime string `json:"start_time" doc:"HH:MM, included"`
	EndTime   string `json:"end_time" doc:"HH:MM, excluded"`
}

// ResultRule is what follows from a call that did not reach its end.
type ResultRule struct {
	Retry    bool `json:"retry" doc:"Try again while there are tries; false: the target is done"`
	Interval int  `json:"interval" doc:"Milliseconds to the next try; 0: try_interval"`
}

// DoNotCall is a number that campaigns must not call.
type DoNotCall struct {
	Identity
	Number string `json:"number" doc:"As it is dialled; spaces, dashes and dots do not count"`
	Detail string `json:"detail" doc:"Why, for people"`
}

// Campaign dials the targets of an outdial by the rules of an outplan.
type Campaign struct {
	Identity
	Name               string    `json:"name" doc:"For people"`
	Detail             string    `json:"detail" doc:"For people"`
	Type               string    `json:"type" doc:"call or flow"`
	Status             string    `json:"status" doc:"run, stopping or stop"`
	WaitingFor         string    `json:"waiting_for" doc:"Why it does not dial now: schedule, calling_hours, capacity, agents, interval, targets, what stopped it, or empty"`
	ServiceLevel       int       `json:"service_level" doc:"With a queue: percent of free agents to dial for; above 100 it dials ahead, within max_abandon_rate"`
	EndHandle          string    `json:"end_handle" doc:"stop or continue when no target is left"`
	FlowID             string    `json:"flow_id" doc:"The flow of each call"`
	Actions            []Action  `json:"actions" doc:"Instead of flow_id"`
	OutplanID          string    `json:"outplan_id" doc:"How to dial"`
	OutdialID          string    `json:"outdial_id" doc:"Whom to dial"`
	QueueID            string    `json:"queue_id" doc:"Answered calls join it after the flow"`
	NextCampaignID     string    `json:"next_campaign_id" doc:"Runs when this one has ended"`
	DialTimeout        int       `json:"dial_timeout" doc:"Milliseconds to ring; overrides the outplan"`
	MaxConcurrentCalls int       `json:"max_concurrent_calls" doc:"Calls up at the same time; 0: no limit"`
	CallsPerSecond     float64   `json:"calls_per_second" doc:"Dialling rate; 0: 2"`
	MaxAbandonRate     float64   `json:"max_abandon_rate" doc:"With a queue: share of answered people who may meet no agent; 0: 0.03"`
	Schedule           *Schedule `json:"schedule" doc:"When it may dial"`
	CallingHours       *Hours    `json:"calling_hours" doc:"When people may be called, by the clock where they are"`
	MaxAttemptsPerDay  int       `json:"max_attempts_per_day" doc:"Calls to one number within 24 hours, those of other campaigns included; 0: no limit"`
}

// Outplan is how a campaign dials.
type Outplan struct {
	Identity
	Name         string  `json:"name" doc:"For people"`
	Detail       string  `json:"detail" doc:"For people"`
	Source       Address `json:"source" doc:"Caller id"`
	DialTimeout  int     `json:"dial_timeout" doc:"Milliseconds to ring"`
	TryInterval  int     `json:"try_interval" doc:"Milliseconds between two tries of one target"`
	MaxTryCount0 int     `json:"max_try_count_0" doc:"Tries of destination_0"`
	MaxTryCount1 int     `json:"max_try_count_1" doc:"Tries of destination_1"`
	MaxTryCount2 int     `json:"max_try_count_2" doc:"Tries of destination_2"`
	MaxTryCount3 int     `json:"max_try_count_3" doc:"Tries of destination_3"`
	MaxTryCount4 int     `json:"max_try_count_4" doc:"Tries of destination_4"`
	TryInterval0 int     `json:"try_interval_0" doc:"Milliseconds after a try of destination_0; 0: try_interval"`
	TryInterval1 int     `json:"try_interval_1" doc:"Milliseconds after a try of destination_1; 0: try_interval"`
	TryInterval2 int     `json:"try_interval_2" doc:"Milliseconds after a try of destination_2; 0: try_interval"`
	TryInterval3 int     `json:"try_interval_3" doc:"Milliseconds after a try of destination_3; 0: try_interval"`
	TryInterval4 int     `json:"try_interval_4" doc:"Milliseconds after a try of destination_4; 0: try_interval"`

	ResultRules map[string]ResultRule `json:"result_rules" doc:"By result of a call: busy, noanswer, dialout, cancel, failed, timeout, amd, machine, fax, sit. Others are tried again, machine is done"`
}

// Outdial is a list of people to call.
type Outdial struct {
	Identity
	CampaignID string `json:"campaign_id" doc:"The campaign that dials it"`
	Name       string `json:"name" doc:"For people"`
	Detail     string `json:"detail" doc:"For people"`
	Data       string `json:"data" doc:"Free"`

	Import *Import `json:"import,omitempty" doc:"How far the last import of targets is; none since the start of the server: missing"`
}

// Import is how far an import of many lines is.
type Import struct {
	ID       string     `json:"id" doc:"Of this import"`
	Status   string     `json:"status" doc:"checking, storing, done or failed (nothing was added)"`
	Lines    int        `json:"lines" doc:"Rows of the file"`
	Read     int        `json:"read" doc:"Of those, checked"`
	Accepted int        `json:"accepted" doc:"Of those, to be added"`
	Known    int        `json:"known" doc:"There already"`
	Bad      int        `json:"bad" doc:"With faults"`
	Stored   int        `json:"stored" doc:"Of the accepted, stored; seen when the status is done"`
	TMCreate *time.Time `json:"tm_create" doc:"When it began"`
	TMUpdate *time.Time `json:"tm_update" doc:"When this was told"`
}

// OutdialTarget is one person to call.
type OutdialTarget struct {
	Identity
	OutdialID    string   `json:"outdial_id" doc:"The list"`
	Name         string   `json:"name" doc:"For people and as a variable"`
	Detail       string   `json:"detail" doc:"For people and as a variable"`
	Data         string   `json:"data" doc:"Free, and as a variable"`
	Status       string   `json:"status" doc:"idle, progressing or done"`
	Destination0 *Address `json:"destination_0" doc:"Tried first"`
	Destination1 *Address `json:"destination_1" doc:"Tried second"`
	Destination2 *Address `json:"destination_2" doc:"Tried third"`
	Destination3 *Address `json:"destination_3" doc:"Tried fourth"`
	Destination4 *Address `json:"destination_4" doc:"Tried last"`
	TryCount0    int      `json:"try_count_0" doc:"Tries so far"`
	TryCount1    int      `json:"try_count_1" doc:"Tries so far"`
	TryCount2    int      `json:"try_count_2" doc:"Tries so far"`
	TryCount3    int      `json:"try_count_3" doc:"Tries so far"`
	TryCount4    int      `json:"try_count_4" doc:"Tries so far"`
	Result       string   `json:"result,omitempty" doc:"Why it is done: success, answered (the call broke off), exhausted, do_not_call, or the result of a call that is not to be tried again"`
}

// Campaigncall is one attempt to reach a target.
type Campaigncall struct {
	Identity
	CampaignID       string     `json:"campaign_id" doc:"The campaign"`
	OutplanID        string     `json:"outplan_id" doc:"How it was dialled"`
	OutdialID        string     `json:"outdial_id" doc:"The list"`
	OutdialTargetID  string     `json:"outdial_target_id" doc:"The person"`
	QueueID          string     `json:"queue_id" doc:"The queue"`
	ActiveflowID     string     `json:"activeflow_id" doc:"The flow execution"`
	FlowID           string     `json:"flow_id" doc:"The flow"`
	ReferenceType    string     `json:"reference_type" doc:"none, call or flow"`
	ReferenceID      string     `json:"reference_id" doc:"The call"`
	Status           string     `json:"status" doc:"dialing, progressing or done"`
	Result           string     `json:"result" doc:"success, fail or empty"`
	HangupReason     string     `json:"hangup_reason,omitempty" doc:"Of the call"`
	AMDResult        string     `json:"amd_result,omitempty" doc:"human, machine, …"`
	Source           Address    `json:"source" doc:"Caller id"`
	Destination      Address    `json:"destination" doc:"Who was called"`
	DestinationIndex int        `json:"destination_index" doc:"0 to 4"`
	TryCount         int        `json:"try_count" doc:"Which try it was"`
	Abandoned        bool       `json:"abandoned,omitempty" doc:"Nobody talked to the person within two seconds"`
	TMAnswered       *time.Time `json:"tm_answered" doc:"When somebody, or a machine, answered"`
	TMEnd            *time.Time `json:"tm_end" doc:"When it was over"`
}

// PlainNumber drops what people write into numbers for the eye: spaces, dashes,
// dots, slashes and brackets.
func PlainNumber(number string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -./()\u00a0", r) {
			return -1
		}
		return r
	}, number)
}
