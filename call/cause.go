package call

import (
	"offhook/resource"
)

// Cause is why a call ended, in every vocabulary that somebody asks for.
type Cause struct {
	Reason  string // hangup_reason of the API
	Connect string // voipbin.connect.result when a callee ends so before the answer
	Status  int    // SIP response that ends an unanswered inbound call so
	Q850    int    // ITU-T Q.850 value of the Reason header field, RFC 3326
	Retry   bool   // the next route may do better
	Remote  bool   // the party ended it, not offhook
	Detail  string // for people
}

// Error makes a Cause the cause of a cancelled context.
func (c Cause) Error() string { return "call ended: " + c.Reason }

// Hang-up reasons of the API.
const (
	ReasonNormal    = "normal"
	ReasonFailed    = "failed"
	ReasonBusy      = "busy"
	ReasonCancel    = "cancel"
	ReasonTimeout   = "timeout"
	ReasonNoAnswer  = "noanswer"
	ReasonDialout   = "dialout"
	ReasonAMD       = "amd"
	ReasonMediaLost = "media_lost"
	ReasonRestart   = "restart"
)

// Results of connecting with somebody, as flows see them.
const (
	ConnectAnswered        = "answered"
	ConnectBusy            = "busy"
	ConnectNoAnswer        = "noanswer"
	ConnectRejected        = "rejected"
	ConnectFailed          = "failed"
	ConnectWhisperRejected = "whisper_rejected"
)

// ourCauses maps the reason with which offhook ends a call to what the wire
// says. Q.850 values as RFC 3398 7.2.4.1 pairs them with SIP statuses.
var ourCauses = map[string]Cause{
	ReasonNormal:    {Reason: ReasonNormal, Connect: ConnectFailed, Status: 603, Q850: 16},
	ReasonFailed:    {Reason: ReasonFailed, Connect: ConnectFailed, Status: 500, Q850: 41},
	ReasonBusy:      {Reason: ReasonBusy, Connect: ConnectBusy, Status: 486, Q850: 17},
	ReasonCancel:    {Reason: ReasonCancel, Connect: ConnectNoAnswer, Status: 487, Q850: 31},
	ReasonTimeout:   {Reason: ReasonTimeout, Connect: ConnectNoAnswer, Status: 480, Q850: 102},
	ReasonNoAnswer:  {Reason: ReasonNoAnswer, Connect: ConnectNoAnswer, Status: 480, Q850: 19},
	ReasonDialout:   {Reason: ReasonDialout, Connect: ConnectNoAnswer, Status: 480, Q850: 19},
	ReasonAMD:       {Reason: ReasonAMD, Connect: ConnectFailed, Status: 603, Q850: 16},
	ReasonMediaLost: {Reason: ReasonMediaLost, Connect: ConnectFailed, Status: 500, Q850: 41},
	ReasonRestart:   {Reason: ReasonRestart, Connect: ConnectFailed, Status: 503, Q850: 41},
}

// CauseOf returns the cause for one of the API's hang-up reasons; an unknown
// reason is normal.
func CauseOf(reason string) Cause {
	if c, ok := ourCauses[reason]; ok {
		return c
	}
	return ourCauses[ReasonNormal]
}

// statusCauses maps the final response to an INVITE of ours to its cause; the
// first row whose range holds the status wins.
var statusCauses = []struct {
	from, to int
	cause    Cause
}{
	{486, 486, Cause{Reason: ReasonBusy, Connect: ConnectBusy, Q850: 17}},
	{600, 600, Cause{Reason: ReasonBusy, Connect: ConnectBusy, Q850: 17}},
	{480, 480, Cause{Reason: ReasonNoAnswer, Connect: ConnectNoAnswer, Q850: 19}},
	{603, 603, Cause{Reason: ReasonNoAnswer, Connect: ConnectRejected, Q850: 21}},
	{607, 608, Cause{Reason: ReasonNoAnswer, Connect: ConnectRejected, Q850: 21}},
	{487, 487, Cause{Reason: ReasonCancel, Connect: ConnectNoAnswer, Q850: 31}},
	{408, 408, Cause{Reason: ReasonFailed, Connect: ConnectFailed, Q850: 102, Retry: true}},
	{500, 599, Cause{Reason: ReasonFailed, Connect: ConnectFailed, Q850: 41, Retry: true}},
	{300, 699, Cause{Reason: ReasonFailed, Connect: ConnectFailed, Q850: 1}},
}

// causeOfStatus returns the cause of an outgoing call that ended with a final
// response before its answer; 0 stands for a transport that failed.
func causeOfStatus(status int, detail string) Cause {
	if status == 0 {
		status = 503
	}
	for _, row := range statusCauses {
		if status >= row.from && status <= row.to {
			c := row.cause
			c.Status, c.Remote, c.Detail = status, true, detail
			return c
		}
	}
	return Cause{Reason: ReasonNormal, Connect: ConnectFailed, Status: status, Q850: 16, Remote: true, Detail: detail}
}

// hangupBy names the side for the API.
func (c Cause) hangupBy() string {
	if c.Remote {
		return "remote"
	}
	return "local"
}

// rank orders call statuses, which only move forward.
var rank = map[string]int{
	resource.StatusDialing:     1,
	resource.StatusRinging:     2,
	resource.StatusProgressing: 3,
	resource.StatusTerminating: 4,
	resource.StatusCanceling:   4,
	resource.StatusHangup:      5,
}
