package flow

import (
	"context"
	"encoding/json"
	"time"

	"offhook/resource"
)

// The interfaces below are all that verbs know of the rest of offhook. Each is
// small on purpose; whatever runs calls implements them, and tests implement
// them in memory. Methods that take a context block until what they do is done
// or the context ends, and then return context.Cause(ctx); none of them may be
// called on a goroutine that moves audio.

// Call is the live call that a run steps. It is nil for runs without one.
type Call interface {
	// Snapshot returns the call as users see it now.
	Snapshot() resource.Call
	// Answer answers an unanswered inbound call and does nothing otherwise.
	Answer(ctx context.Context) error
	// Hangup ends the call with one of the API's hang-up reasons. It does not wait.
	Hangup(reason string)
	// HangupLike ends the call with the cause that another, ended call had.
	HangupLike(callID string)
	// Mute silences what the party says (in), hears (out), both, or nothing ("").
	Mute(direction string)
}

// PromptKind says where the sound of a Prompt comes from.
type PromptKind int

// The kinds of prompts.
const (
	PromptText      PromptKind = iota // Text, by a speech engine
	PromptURL                         // URL of a WAV or MP3 file
	PromptBeep                        // one short tone
	PromptRecording                   // Recording, an id or a URL
)

// Prompt is something to play to the party.
type Prompt struct {
	Kind        PromptKind
	Text        string // plain or SSML
	Language    string // BCP 47
	Voice       string
	Provider    string
	URL         string
	Recording   string
	StopOnDigit bool // a digit ends it; the digit stays in the buffer
}

// Player plays to the party and listens to nothing.
type Player interface {
	// Play plays to the end, or to the first digit when the prompt says so.
	// A prompt that can't be had gives an error, after an event told why.
	Play(ctx context.Context, p Prompt) error
	// PlayInBackground starts a prompt and returns; a later prompt replaces it.
	PlayInBackground(p Prompt)
	// Echo sends the party its own sound for d.
	Echo(ctx context.Context, d time.Duration) error
	// MusicStart plays a class of music in the background until MusicStop or a conversation.
	MusicStart(class string) error
	// MusicStop ends it.
	MusicStop()
}

// CollectRequest bounds a collection of digits. Zero values set no bound.
type CollectRequest struct {
	Length   int           // so many digits are enough
	Keys     string        // any of these ends it and is not part of the value
	Duration time.Duration // total time
}

// Keypad is the digits in both directions.
type Keypad interface {
	// Collect returns the digits pressed since the last collection and what
	// follows until the request is satisfied or its time is over.
	Collect(ctx context.Context, r CollectRequest) (string, error)
	// Send sends digits to the party, each on for so long and gap apart.
	Send(ctx context.Context, digits string, on, gap time.Duration) error
}

// Whisper is what a callee alone hears before being connected.
type Whisper struct {
	Message       string // spoken
	Language      string
	PlayRecording string // recording id or URL, after the message
	AcceptKey     string // connects
	RejectKey     string // ends the callee's call
	Timeout       time.Duration
}

// ConnectRequest is a conversation to set up.
type ConnectRequest struct {
	Source       *resource.Address // nil: the call's own
	Destinations []resource.Address
	RingTimeout  time.Duration // 0: 60 s
	EarlyMedia   bool          // the callee's sound before the answer reaches the caller
	RelayReason  bool          // end the caller with the callee's cause
	Anonymous    string        // yes, no or auto
	Whisper      *Whisper
	Variables    map[string]string // of the callee's side
}

// ConnectResult is how a conversation went.
type ConnectResult struct {
	Result string // answered, busy, noanswer, rejected, failed or whisper_rejected
	CallID string // the callee that answered, else the last one tried
}

// Connector connects the call with others.
type Connector interface {
	// Connect dials and, when somebody answers, lets both talk until one hangs
	// up. It returns when the conversation is over or nobody answered; an
	// error only when the call itself is gone.
	Connect(ctx context.Context, r ConnectRequest) (ConnectResult, error)
}

// DialRequest is a call of its own, independent of the run that asks for it.
type DialRequest struct {
	CustomerID     string
	Source         resource.Address
	Destinations   []resource.Address
	FlowID         string
	Actions        []resource.Action
	EarlyExecution bool
	Anonymous      string
	Variables      map[string]string
	MasterCallID   string // ends with that call
}

// Dialer places calls.
type Dialer interface {
	// Dial starts the calls and returns without waiting for an answer.
	Dial(ctx context.Context, r DialRequest) ([]resource.Call, []resource.Groupcall, error)
}

// RecordRequest is a recording to start.
type RecordRequest struct {
	Format      string        // wav or mp3
	Direction   string        // in, out or both
	Mix         bool          // both in one channel
	Duration    time.Duration // 0: no limit
	Silence     time.Duration // ends after so much silence; 0: never
	EndKeys     string        // any of these digits ends it
	Beep        bool
	OnEndFlowID string
}

// Recorder records the call.
type Recorder interface {
	// RecordStart starts a recording in the background and returns its id.
	RecordStart(ctx context.Context, r RecordRequest) (resource.Recording, error)
	// RecordStop ends the newest recording of the call; nothing when there is none.
	RecordStop(ctx context.Context)
	// RecordVoice records the party until the request is satisfied or it hangs
	// up, and returns the finished recording.
	RecordVoice(ctx context.Context, r RecordRequest) (resource.Recording, error)
}

// DetectRequest bounds answering-machine detection.
type DetectRequest struct {
	Timeout     time.Duration // of the analysis
	WaitBeep    bool          // a machine verdict waits for the greeting's end or beep
	BeepTimeout time.Duration
	Thresholds  json.RawMessage // overrides of the detector's named thresholds
}

// Detection is a detector's verdict.
type Detection struct {
	Result    string // human, machine, notsure, fax, sit or silence
	Cause     string
	DecidedMS int
	GreetEnd  int // ms, -1: none
	BeepAt    int // ms, -1: none
}

// Detector tells people from machines.
type Detector interface {
	// Detect listens to the party until it knows, the time is over or it hangs up.
	Detect(ctx context.Context, r DetectRequest) (Detection, error)
}

// Room is a conference to join.
type Room struct {
	ConferenceID string
	Role         string // moderator or participant
	MuteOnJoin   bool
	Create       bool // make it when it is unknown
	Run          *Run // performs the conference's pre_flow_id and post_flow_id
}

// Rooms lets the call join conferences.
type Rooms interface {
	// JoinConference returns when the call has left the conference. The
	// result says joined, not_found, full, pin_rejected or ended.
	JoinConference(ctx context.Context, r Room) (result string, err error)
}

// QueueResult is how a caller left a queue.
type QueueResult struct {
	Result      string // answered, timeout, abandoned, kicked, exit, full, not_found, no_agents, callback
	QueuecallID string
	AgentID     string
}

// Queues lets the call wait for an agent.
type Queues interface {
	// JoinQueue returns when the caller has been served or has left the line.
	// wait runs the wait flow once; it is cancelled when an agent has answered.
	JoinQueue(ctx context.Context, queueID string, run *Run) (QueueResult, error)
}

// TranscribeRequest asks for text of what is said.
type TranscribeRequest struct {
	Language    string
	Direction   string // in, out or both
	Provider    string
	OnEndFlowID string
}

// Transcriber turns the call's speech into text.
type Transcriber interface {
	// TranscribeStart starts in the background. An engine that is missing is
	// told by the event transcribe_failed and no error.
	TranscribeStart(ctx context.Context, r TranscribeRequest) (id string, err error)
	// TranscribeStop ends what TranscribeStart began.
	TranscribeStop(ctx context.Context)
	// TranscribeRecordings turns the call's recordings into text.
	TranscribeRecordings(ctx context.Context, r TranscribeRequest) error
}

// AssistRequest is a conversation with a language model. Option is the verb's
// option as written; the assistant decodes it.
type AssistRequest struct {
	Verb     string // ai_talk, ai_summary or ai_task
	AIID     string
	Option   json.RawMessage
	Duration time.Duration
}

// Assistant lets the party talk to a language model.
type Assistant interface {
	// Assist returns when the conversation is over. next are actions that it
	// asks for, such as joining a queue; result says how it ended.
	Assist(ctx context.Context, r AssistRequest, run *Run) (result string, next []resource.Action, err error)
}

// OptOuts is the list of numbers that campaigns must not call.
type OptOuts interface {
	// AddOptOut puts a number on a customer's list; one that is there stays.
	AddOptOut(ctx context.Context, customerID, number, detail string) error
}

// Documents finds flows.
type Documents interface {
	// Flow returns a customer's flow, or an error that says it is unknown.
	Flow(ctx context.Context, customerID, id string) (*resource.Flow, error)
}

// Web sends HTTP requests of flows: bounded in time and size, signed with the
// customer's secret, and refused for addresses that the configuration forbids.
type Web interface {
	// Send sends and returns status and body (at most 1 MiB).
	Send(ctx context.Context, customerID, method, uri, contentType string, body []byte) (status int, answer []byte, err error)
}

// Journal keeps what users may see of runs.
type Journal interface {
	// Changed is called after each step and at the end, with a copy of the
	// run's state; it must not block for long.
	Changed(a resource.Activeflow)
	// Emit publishes an event of the run.
	Emit(e resource.Event)
}

// Host is what a run runs on. Fields that are nil are things that this run
// can't do; a verb that needs one is skipped or refused as its row says.
type Host struct {
	Call       Call
	Player     Player
	Keypad     Keypad
	Connector  Connector
	Recorder   Recorder
	Detector   Detector
	Rooms      Rooms
	Queues     Queues
	Transcribe Transcriber
	Assistant  Assistant
	Dialer     Dialer
	OptOuts    OptOuts
	Documents  Documents
	Web        Web
	Journal    Journal
}
