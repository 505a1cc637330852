package resource

import "time"

// Conference is a room where everybody hears everybody else.
type Conference struct {
	Identity
	Type                string         `json:"type" doc:"conference"`
	Status              string         `json:"status" doc:"active, terminating or terminated"`
	Name                string         `json:"name" doc:"For people"`
	Detail              string         `json:"detail" doc:"For people"`
	Data                map[string]any `json:"data,omitempty" doc:"Free"`
	Timeout             int            `json:"timeout" doc:"Seconds until it is closed; 0: never"`
	PreFlowID           string         `json:"pre_flow_id" doc:"Runs before a caller joins"`
	PostFlowID          string         `json:"post_flow_id" doc:"Runs after a caller has left"`
	MaxParticipants     int            `json:"max_participants" doc:"0: no limit"`
	Pin                 string         `json:"pin,omitempty" doc:"Digits that a caller must press to enter"`
	EntryTone           bool           `json:"entry_tone" doc:"A tone when somebody joins or leaves"`
	StartOnModerator    bool           `json:"start_on_moderator" doc:"Participants hear music until a moderator is there"`
	EndOnModeratorLeave bool           `json:"end_on_moderator_leave" doc:"The conference ends when the last moderator leaves"`
	ParticipantCount    int            `json:"participant_count" doc:"Who is in it now"`
	ConferencecallIDs   []string       `json:"conferencecall_ids" doc:"Who is in it now"`
	RecordingID         string         `json:"recording_id" doc:"The recording that is being made"`
	RecordingIDs        []string       `json:"recording_ids" doc:"All recordings"`
	TranscribeID        string         `json:"transcribe_id" doc:"The transcription that is being made"`
	TranscribeIDs       []string       `json:"transcribe_ids" doc:"All transcriptions"`
	TMEnd               *time.Time     `json:"tm_end" doc:"When it ended"`
}

// Conferencecall is one call's stay in a conference.
type Conferencecall struct {
	Identity
	ActiveflowID  string     `json:"activeflow_id" doc:"The flow execution that joined"`
	ConferenceID  string     `json:"conference_id" doc:"The room"`
	ReferenceType string     `json:"reference_type" doc:"call"`
	ReferenceID   string     `json:"reference_id" doc:"The call"`
	Status        string     `json:"status" doc:"joining, joined, leaving or leaved"`
	Role          string     `json:"role" doc:"moderator or participant"`
	Mute          bool       `json:"mute" doc:"Nobody hears this member"`
	Talking       bool       `json:"talking" doc:"This member speaks now"`
	TMJoin        *time.Time `json:"tm_join" doc:"When it joined"`
	TMLeave       *time.Time `json:"tm_leave" doc:"When it left"`
}
