package resource

import "time"

// Agent is a person who takes calls from queues.
type Agent struct {
	Identity
	Username   string         `json:"username" doc:"For people"`
	Name       string         `json:"name" doc:"For people"`
	Detail     string         `json:"detail" doc:"For people"`
	RingMethod string         `json:"ring_method" doc:"ringall or linear" enum:"ringall,ring_all,linear,"`
	Status     string         `json:"status" doc:"available, away, busy, offline, ringing or wrap_up"`
	Password   string         `json:"password,omitempty" doc:"Accepted, never shown; stored as a salted digest"`
	Permission int            `json:"permission" doc:"Kept for VoIPBIN's clients"`
	TagIDs     []string       `json:"tag_ids" doc:"The agent's tags"`
	Skills     map[string]int `json:"skills,omitempty" doc:"Weight for each tag id, 1 to 100; a tag without one counts 50"`
	Addresses  []Address      `json:"addresses" doc:"Where the agent is reached"`
	CallID     string         `json:"call_id,omitempty" doc:"The agent's call now"`
	TMStatus   *time.Time     `json:"tm_status" doc:"Since when the status holds"`
	CallsTaken int            `json:"calls_taken" doc:"Calls answered since the server started"`
	PhoneLost  *PhoneLoss     `json:"phone_lost,omitempty" doc:"The agent was logged out because its phone is gone, and comes back with it"`
}

// PhoneLoss is what an agent was before its phone was lost.
type PhoneLoss struct {
	Status string     `json:"status" doc:"What the agent was, and is again when the phone returns within 15 minutes"`
	TM     *time.Time `json:"tm" doc:"When the phone was lost"`
}

// Queue is a line of callers and who serves them.
type Queue struct {
	Identity
	Name                string   `json:"name" doc:"For people; the whisper says it"`
	Detail              string   `json:"detail" doc:"For people"`
	RoutingMethod       string   `json:"routing_method" doc:"random, longest_idle, round_robin, fewest_calls, ring_all or skills"`
	TagIDs              []string `json:"tag_ids" doc:"Agents with any of these tags serve; empty: all agents"`
	WaitFlowID          string   `json:"wait_flow_id" doc:"What a waiting caller hears; empty: music"`
	WaitTimeout         int      `json:"wait_timeout" doc:"Milliseconds; 0: no limit"`
	ServiceTimeout      int      `json:"service_timeout" doc:"Milliseconds; 0: no limit"`
	WrapUp              int      `json:"wrap_up" doc:"Milliseconds after a call in which the agent gets no other"`
	RingTimeout         int      `json:"ring_timeout" doc:"Milliseconds that an agent's phone rings; 0: 20000"`
	MaxWaiting          int      `json:"max_waiting" doc:"Callers above it do not join; 0: no limit"`
	Priority            int      `json:"priority" doc:"Higher is served first across queues"`
	OverflowQueueID     string   `json:"overflow_queue_id" doc:"Where callers go after wait_timeout or above max_waiting"`
	ExitKey             string   `json:"exit_key" doc:"A waiting caller leaves with this digit"`
	CallbackKey         string   `json:"callback_key" doc:"A waiting caller is called back, place kept, with this digit"`
	CallbackTries       int      `json:"callback_tries" doc:"How often a person is called back who does not answer; 0: 3"`
	CallbackInterval    int      `json:"callback_interval" doc:"Milliseconds between two tries of a callback; 0: 300000"`
	CallbackRing        int      `json:"callback_ring_timeout" doc:"Milliseconds that the person's phone rings; 0: 30000"`
	CallbackExpiry      int      `json:"callback_expiry" doc:"Milliseconds after which a callback is not tried any more; 0: 86400000"`
	Whisper             bool     `json:"whisper" doc:"The agent hears the queue's name and the waiting time first"`
	Record              string   `json:"record" doc:"wav or mp3: record the conversation; empty: not"`
	ServiceLevel        int      `json:"service_level" doc:"Milliseconds within which a caller should be answered; 0: 20000"`
	WaitQueuecallIDs    []string `json:"wait_queuecall_ids" doc:"Who waits"`
	ServiceQueuecallIDs []string `json:"service_queuecall_ids" doc:"Who is served"`
	TotalIncomingCount  int      `json:"total_incoming_count" doc:"Callers that joined"`
	TotalServicedCount  int      `json:"total_serviced_count" doc:"Callers that were served"`
	TotalAbandonedCount int      `json:"total_abandoned_count" doc:"Callers that left before"`
}

// Queuecall is one caller's way through a queue.
type Queuecall struct {
	Identity
	QueueID         string     `json:"queue_id" doc:"The queue"`
	ActiveflowID    string     `json:"activeflow_id" doc:"The flow execution that joined"`
	ReferenceType   string     `json:"reference_type" doc:"call"`
	ReferenceID     string     `json:"reference_id" doc:"The caller's call"`
	Status          string     `json:"status" doc:"initiating, waiting, connecting, service, done or abandoned"`
	ServiceAgentID  string     `json:"service_agent_id" doc:"Who serves"`
	EndReason       string     `json:"end_reason,omitempty" doc:"answered, hangup, wait_timeout, service_timeout, kicked, exit_key, overflow, full, no_agents, transferred, callback_unanswered, callback_expired, restart"`
	HangupReason    string     `json:"hangup_reason,omitempty" doc:"Of a callback: why the last try did not reach the person"`
	Position        int        `json:"position" doc:"Place in the line, from 1; 0 when not waiting"`
	DurationWaiting int        `json:"duration_waiting" doc:"Milliseconds"`
	DurationService int        `json:"duration_service" doc:"Milliseconds"`
	TMJoined        *time.Time `json:"tm_joined" doc:"When the caller came to its first queue; its place counts from then"`
	TMService       *time.Time `json:"tm_service" doc:"When an agent took the call"`
	TMEnd           *time.Time `json:"tm_end" doc:"When it was over"`
	Callback        *Callback  `json:"callback,omitempty" doc:"The caller has hung up and is called back"`
}

// Callback is a call that a caller of a queue was promised.
type Callback struct {
	To            Address    `json:"to" doc:"Who is called"`
	From          Address    `json:"from" doc:"What the person sees: the number that it had called"`
	Tries         int        `json:"tries" doc:"How often the person was called"`
	TMDue         *time.Time `json:"tm_due" doc:"Not tried before"`
	TMExpires     *time.Time `json:"tm_expires" doc:"Not tried after"`
	WebhookURI    string     `json:"webhook_uri,omitempty" doc:"Of the flow that joined"`
	WebhookMethod string     `json:"webhook_method,omitempty" doc:"Of the flow that joined"`
}
