package event

// Names of events. The part before the first underscore is the resource that
// WebSocket topics name.
const (
	CallCreated     = "call_created"
	CallUpdated     = "call_updated"
	CallDialing     = "call_dialing"
	CallRinging     = "call_ringing"
	CallProgressing = "call_progressing"
	CallTerminating = "call_terminating"
	CallCanceling   = "call_canceling"
	CallHangup      = "call_hangup" // VoIPBIN's name
	CallHungup      = "call_hungup" // the name of VoIPBIN's scenarios; both are sent
	CallDeleted     = "call_deleted"

	GroupcallCreated     = "groupcall_created"
	GroupcallProgressing = "groupcall_progressing"
	GroupcallHangup      = "groupcall_hangup"
	GroupcallDeleted     = "groupcall_deleted"

	ActiveflowCreated = "activeflow_created"
	ActiveflowUpdated = "activeflow_updated"
	ActiveflowEnded   = "activeflow_ended"
	ActiveflowDeleted = "activeflow_deleted"

	RecordingBegan   = "recording_started"
	RecordingEnded   = "recording_finished"
	RecordingDeleted = "recording_deleted"

	DTMF              = "dtmf_received"
	AMDResult         = "amd_result"
	Transferred       = "transfer_completed"
	TransferFailed    = "transfer_failed"
	TransferCancelled = "transfer_cancelled"
	SpeechFailed      = "talk_failed"

	ConferenceCreated = "conference_created"
	ConferenceUpdated = "conference_updated"
	ConferenceDeleted = "conference_deleted"
	ParticipantJoined = "conference_participant_joined"
	ParticipantLeft   = "conference_participant_left"

	ConferencecallJoining = "conferencecall_joining"
	ConferencecallJoined  = "conferencecall_joined"
	ConferencecallLeaving = "conferencecall_leaving"
	ConferencecallLeaved  = "conferencecall_leaved"

	QueuecallCreated    = "queuecall_created"
	QueuecallWaiting    = "queuecall_waiting"
	QueuecallConnecting = "queuecall_connecting"
	QueuecallServiced   = "queuecall_serviced"
	QueuecallCallback   = "queuecall_callback" // asked for, tried, or not answered
	QueuecallDone       = "queuecall_done"
	QueuecallAbandoned  = "queuecall_abandoned"
	QueuecallDeleted    = "queuecall_deleted"

	AgentCreated       = "agent_created"
	AgentUpdated       = "agent_updated"
	AgentDeleted       = "agent_deleted"
	AgentStatusUpdated = "agent_status_updated"

	CampaignCreated     = "campaign_created"
	CampaignUpdated     = "campaign_updated"
	CampaignDeleted     = "campaign_deleted"
	CampaignRun         = "campaign_status_run"
	CampaignStopping    = "campaign_status_stopping"
	CampaignStop        = "campaign_status_stop"
	CampaigncallCreated = "campaigncall_created"
	CampaigncallUpdated = "campaigncall_updated"
	CampaigncallDeleted = "campaigncall_deleted"
	OutdialCreated      = "outdial_created"
	OutdialUpdated      = "outdial_updated"
	OutdialDeleted      = "outdial_deleted"
	OutdialImport       = "outdial_import_progress"
	DoNotCallImport     = "donotcall_import_progress"

	TranscribeCreated = "transcribe_created"
	TranscribeRunning = "transcribe_progressing"
	TranscribeDone    = "transcribe_done"
	TranscribeFailed  = "transcribe_failed"
	SpeechStarted     = "transcribe_speech_started"
	SpeechInterim     = "transcribe_speech_interim"
	SpeechEnded       = "transcribe_speech_ended"
	TranscriptCreated = "transcript_created"
	// TranscribeDropped tells that an engine was away for longer than sound is
	// kept; the transcription's dropped says how much is lost by now.
	TranscribeDropped = "transcribe_audio_dropped"

	AICreated           = "ai_created"
	AIUpdated           = "ai_updated"
	AIDeleted           = "ai_deleted"
	AicallInitializing  = "aicall_status_initializing"
	AicallProgressing   = "aicall_status_progressing"
	AicallPausing       = "aicall_status_pausing"
	AicallResuming      = "aicall_status_resuming"
	AicallTerminating   = "aicall_status_terminating"
	AicallTerminated    = "aicall_status_terminated"
	AicallFailed        = "aicall_failed"
	AimessageCreated    = "aimessage_created"
	AimessageInProgress = "aimessage_intermediate"
	AicallTurn          = "aicall_turn" // how long one turn took

	NumberCreated = "number_created"
	NumberUpdated = "number_updated"
	NumberDeleted = "number_deleted"
)
