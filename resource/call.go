package resource

import "time"

// Call statuses only move forward: dialing → ringing → progressing →
// terminating → hangup; an unanswered outgoing call that we give up is
// canceling in between.
const (
	StatusDialing     = "dialing"
	StatusRinging     = "ringing"
	StatusProgressing = "progressing"
	StatusTerminating = "terminating"
	StatusCanceling   = "canceling"
	StatusHangup      = "hangup"
)

// Call directions, seen from offhook.
const (
	DirectionIncoming = "incoming"
	DirectionOutgoing = "outgoing"
)

// Call is one party's connection to offhook, from the first INVITE to its end.
type Call struct {
	Identity
	FlowID         string            `json:"flow_id" doc:"The flow that the call runs"`
	ActiveflowID   string            `json:"activeflow_id" doc:"The execution of that flow"`
	Type           string            `json:"type" doc:"flow"`
	MasterCallID   string            `json:"master_call_id" doc:"The call whose end ends this one"`
	ChainedCallIDs []string          `json:"chained_call_ids" doc:"Calls that end with this one"`
	RecordingID    string            `json:"recording_id" doc:"The recording that is being made"`
	RecordingIDs   []string          `json:"recording_ids" doc:"All recordings of the call"`
	GroupcallID    string            `json:"groupcall_id" doc:"The group of calls that it was dialled in"`
	Source         Address           `json:"source" doc:"Who calls"`
	Destination    Address           `json:"destination" doc:"Who is called"`
	Status         string            `json:"status" doc:"dialing, ringing, progressing, terminating, canceling or hangup"`
	Action         *Action           `json:"action" doc:"The action of the flow that the call is at"`
	Direction      string            `json:"direction" doc:"incoming or outgoing"`
	MuteDirection  string            `json:"mute_direction" doc:"in, out, both or empty"`
	Hold           bool              `json:"hold" doc:"The call is on hold: the API has put the party on hold, or the party itself holds"`
	HangupBy       string            `json:"hangup_by" doc:"remote or local"`
	HangupReason   string            `json:"hangup_reason" doc:"normal, failed, busy, cancel, timeout, noanswer, dialout, amd, media_lost, restart"`
	HangupDetail   string            `json:"hangup_detail,omitempty" doc:"What the other side or the network said, for people"`
	Duration       int               `json:"duration" doc:"Whole seconds from answer to hang-up"`
	Metadata       map[string]string `json:"metadata" doc:"Free labels"`
	Media          *CallMedia        `json:"media,omitempty" doc:"The sound of the call: path and quality"`
	TMRinging      *time.Time        `json:"tm_ringing" doc:"When it began to ring"`
	TMProgressing  *time.Time        `json:"tm_progressing" doc:"When it was answered"`
	TMHangup       *time.Time        `json:"tm_hangup" doc:"When it ended"`
}

// CallMedia tells how a call sounds and by which path.
type CallMedia struct {
	Path            string  `json:"path" doc:"The stages of the sound path"`
	Codec           string  `json:"codec" doc:"Negotiated codec"`
	PacketsReceived uint64  `json:"packets_received" doc:"RTP packets from the party"`
	PacketsSent     uint64  `json:"packets_sent" doc:"RTP packets to the party"`
	PacketsLost     uint64  `json:"packets_lost" doc:"RTP packets from the party that never came"`
	PacketsLate     uint64  `json:"packets_late" doc:"RTP packets that came too late to be heard"`
	JitterMS        float64 `json:"jitter_ms" doc:"Interarrival jitter, RFC 3550 6.4.1"`
	RoundTripMS     float64 `json:"round_trip_ms" doc:"From RTCP; 0 while unknown"`
	RemoteLost      uint64  `json:"remote_lost" doc:"Our packets that the party reported lost"`
	BufferMS        float64 `json:"buffer_ms" doc:"Delay of the jitter buffer now"`
	MOS             float64 `json:"mos" doc:"Estimated mean opinion score, 1 to 4.5"`
}

// Groupcall is one attempt to reach any of several destinations.
type Groupcall struct {
	Identity
	Status            string    `json:"status" doc:"progressing, hangingup or hangup"`
	FlowID            string    `json:"flow_id" doc:"The flow that the answering call runs"`
	Source            Address   `json:"source" doc:"Who calls"`
	Destinations      []Address `json:"destinations" doc:"Who is called"`
	MasterCallID      string    `json:"master_call_id" doc:"The call whose end ends the group"`
	MasterGroupcallID string    `json:"master_groupcall_id" doc:"The group whose end ends this one"`
	RingMethod        string    `json:"ring_method" doc:"ring_all or linear" enum:"ring_all,linear,"`
	AnswerMethod      string    `json:"answer_method" doc:"hangup_others" enum:"hangup_others,"`
	AnswerCallID      string    `json:"answer_call_id" doc:"The call that answered first"`
	CallIDs           []string  `json:"call_ids" doc:"The calls of the group"`
	AnswerGroupcallID string    `json:"answer_groupcall_id" doc:"The nested group that answered first"`
	GroupcallIDs      []string  `json:"groupcall_ids" doc:"Nested groups"`
	CallCount         int       `json:"call_count" doc:"Calls still up"`
	GroupcallCount    int       `json:"groupcall_count" doc:"Nested groups still up"`
	DialIndex         int       `json:"dial_index" doc:"linear: the destination being tried"`
}

// Recording is a file of what a call or a conference sounded like.
type Recording struct {
	Identity
	ActiveflowID  string     `json:"activeflow_id" doc:"The flow execution that started it"`
	ReferenceType string     `json:"reference_type" doc:"call or conference"`
	ReferenceID   string     `json:"reference_id" doc:"What is recorded"`
	Status        string     `json:"status" doc:"initiating, recording, stopping or ended"`
	Format        string     `json:"format" doc:"wav or mp3"`
	Direction     string     `json:"direction" doc:"in, out or both"`
	Channels      int        `json:"channels" doc:"1 or 2; with 2 left is what the party said, right what it heard"`
	Duration      float64    `json:"duration" doc:"Seconds of sound"`
	Size          int64      `json:"size" doc:"Bytes of the file"`
	URL           string     `json:"url" doc:"Downloads the finished file"`
	EndReason     string     `json:"end_reason,omitempty" doc:"Why it ended: stop, hangup, silence, key, duration, disk, restart"`
	OnEndFlowID   string     `json:"on_end_flow_id" doc:"Runs when the recording has ended"`
	TMStart       *time.Time `json:"tm_start" doc:"First sample"`
	TMEnd         *time.Time `json:"tm_end" doc:"Last sample"`
}

// Transfer hands one side of a conversation to somebody else.
type Transfer struct {
	Identity
	Type                string         `json:"type" doc:"attended or blind"`
	Status              string         `json:"status" doc:"consulting, ringing, completed, canceled or failed"`
	TransfererCallID    string         `json:"transferer_call_id" doc:"The call of the one who transfers"`
	TransfereeAddresses []Address      `json:"transferee_addresses" doc:"Who gets the conversation"`
	TransfereeCallID    string         `json:"transferee_call_id" doc:"The call to them"`
	GroupcallID         string         `json:"groupcall_id" doc:"The group of calls to them"`
	ConfbridgeID        string         `json:"confbridge_id" doc:"The bridge of the conversation"`
	Context             map[string]any `json:"context,omitempty" doc:"Handed to the new party's side in transfer_completed"`
}
