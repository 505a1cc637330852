package resource

import "time"

// Transcribe is one conversion of speech to text, live or of a recording.
type Transcribe struct {
	Identity
	ActiveflowID  string     `json:"activeflow_id" doc:"The flow execution that started it"`
	OnEndFlowID   string     `json:"on_end_flow_id" doc:"Runs when the transcription has ended"`
	ReferenceType string     `json:"reference_type" doc:"call, conference or recording" enum:"call,conference,confbridge,recording,"`
	ReferenceID   string     `json:"reference_id" doc:"What is transcribed"`
	Status        string     `json:"status" doc:"progressing or done"`
	Language      string     `json:"language" doc:"BCP 47"`
	Direction     string     `json:"direction" doc:"in: what the party says, out: what it hears, both" enum:"in,out,both,"`
	Provider      string     `json:"provider" doc:"The engine"`
	EndReason     string     `json:"end_reason,omitempty" doc:"Why it ended: stop, hangup, finished, engine_not_configured, engine_failed, restart"`
	EndMessage    string     `json:"end_message,omitempty" doc:"What the engine said, for people"`
	Dropped       float64    `json:"dropped,omitempty" doc:"Seconds of sound that the engine never got"`
	TMEnd         *time.Time `json:"tm_end" doc:"When it ended"`
}

// Transcript is what one party said without a pause.
type Transcript struct {
	Identity
	TranscribeID string  `json:"transcribe_id" doc:"The transcription"`
	ActiveflowID string  `json:"activeflow_id,omitempty" doc:"The flow execution that started it"`
	ReferenceID  string  `json:"reference_id,omitempty" doc:"The call, conference or recording"`
	Direction    string  `json:"direction" doc:"in: the party of the call, out: the other side"`
	Message      string  `json:"message" doc:"The words"`
	TMTranscript string  `json:"tm_transcript" doc:"Begin of the words as a time since the start of the transcription, counted from year 1: 0001-01-01 00:00:05.123"`
	OffsetMS     int     `json:"offset_ms" doc:"The same in milliseconds"`
	DurationMS   int     `json:"duration_ms,omitempty" doc:"How long the words took; 0: unknown"`
	Confidence   float64 `json:"confidence,omitempty" doc:"0 to 1, where the engine tells"`
	Language     string  `json:"language,omitempty" doc:"BCP 47"`
}

// VADConfig is when an assistant takes sound for speech and silence for an end.
type VADConfig struct {
	Confidence float64 `json:"confidence" doc:"How sure, 0 to 1; 0: 0.7" minimum:"0" maximum:"1"`
	StartSecs  float64 `json:"start_secs" doc:"Seconds of speech that begin a turn; 0: 0.2" minimum:"0" maximum:"30"`
	StopSecs   float64 `json:"stop_secs" doc:"Seconds of silence that end a turn; 0: 0.5" minimum:"0" maximum:"30"`
	MinVolume  float64 `json:"min_volume" doc:"Least level, 0 to 1; 0: above the noise" minimum:"0" maximum:"1"`
}

// AITool is something that an assistant may do for the caller.
type AITool struct {
	Name        string         `json:"name" doc:"What the model calls it"`
	Description string         `json:"description" doc:"When the model should use it"`
	WebhookURL  string         `json:"webhook_url,omitempty" doc:"Asked by POST; answers within 5 seconds"`
	Parameters  map[string]any `json:"parameters,omitempty" doc:"JSON schema of the arguments"`
	Action      string         `json:"action,omitempty" doc:"transfer: connect the caller with destination" enum:"transfer,"`
	Destination string         `json:"destination,omitempty" doc:"queue:, tel:, sip:, extension:, agent:, conference: or flow: and the target"`
}

// AI is an assistant: how it speaks, listens and thinks.
type AI struct {
	Identity
	Name             string         `json:"name" doc:"For people"`
	Detail           string         `json:"detail" doc:"For people"`
	Type             string         `json:"type" doc:"normal" enum:"normal,insight,"`
	EngineModel      string         `json:"engine_model" doc:"Model, such as openai.gpt-5-mini, or realtime.gpt-realtime for one that hears and speaks itself; empty: the configured one"`
	EngineURL        string         `json:"engine_url,omitempty" doc:"Server of POST {url}/chat/completions; empty: the configured one"`
	EngineKey        string         `json:"engine_key,omitempty" doc:"Its key; accepted, never shown"`
	Parameter        map[string]any `json:"parameter,omitempty" doc:"Told to the model as context"`
	InitPrompt       string         `json:"init_prompt" doc:"What the assistant is and does; variables are filled in"`
	Greeting         string         `json:"greeting,omitempty" doc:"Said first; empty: the model begins"`
	Filler           string         `json:"filler,omitempty" doc:"Said while the model or a tool takes long; empty: a soft tone"`
	TTSType          string         `json:"tts_type" doc:"Speech engine; empty: the configured one"`
	TTSVoiceID       string         `json:"tts_voice_id" doc:"Voice"`
	STTType          string         `json:"stt_type" doc:"Recogniser; empty: the configured one"`
	STTLanguage      string         `json:"stt_language" doc:"BCP 47"`
	VADConfig        *VADConfig     `json:"vad_config" doc:"When somebody speaks"`
	SmartTurnEnabled bool           `json:"smart_turn_enabled" doc:"Kept for VoIPBIN's clients"`
	ToolNames        []string       `json:"tool_names" doc:"Built-in tools: all, or their names"`
	Tools            []AITool       `json:"tools" doc:"Tools of your own"`
	EndCallPhrases   []string       `json:"end_call_phrases" doc:"The call ends when the caller says one of them"`
	RagID            string         `json:"rag_id,omitempty" doc:"Kept for VoIPBIN's clients"`
}

// Aicall is one conversation of a party with an assistant.
type Aicall struct {
	Identity
	AssistanceType string         `json:"assistance_type" doc:"ai" enum:"ai,team,"`
	AssistanceID   string         `json:"assistance_id" doc:"The assistant"`
	AIID           string         `json:"ai_id" doc:"The same"`
	AIEngineModel  string         `json:"ai_engine_model" doc:"The model in use"`
	AITTSType      string         `json:"ai_tts_type" doc:"The speech engine in use"`
	AITTSVoiceID   string         `json:"ai_tts_voice_id" doc:"The voice in use"`
	AISTTType      string         `json:"ai_stt_type" doc:"The recogniser in use"`
	STTLanguage    string         `json:"stt_language" doc:"BCP 47"`
	Parameter      map[string]any `json:"parameter,omitempty" doc:"Told to the model as context"`
	ActiveflowID   string         `json:"activeflow_id" doc:"The flow execution that started it"`
	ReferenceType  string         `json:"reference_type" doc:"call, or empty for text alone" enum:"call,conversation,task,"`
	ReferenceID    string         `json:"reference_id" doc:"The call"`
	ConfbridgeID   string         `json:"confbridge_id" doc:"Kept for VoIPBIN's clients"`
	Status         string         `json:"status" doc:"initiating, progressing, pausing, resuming, terminating or terminated"`
	EndReason      string         `json:"end_reason,omitempty" doc:"Why it ended: hangup, duration, phrase, transfer, terminated, engine_not_configured, engine_failed, restart"`
	EndMessage     string         `json:"end_message,omitempty" doc:"What failed, for people"`
	Turns          []AITurn       `json:"turns" doc:"How long each turn took"`
	TMEnd          *time.Time     `json:"tm_end" doc:"When it ended"`
}

// AITurn is how quickly an assistant answered once. Times are milliseconds
// after the party's speech ended; -1: did not happen.
type AITurn struct {
	TMStart      *time.Time `json:"tm_start" doc:"When the party's speech ended"`
	TranscriptMS int        `json:"transcript_ms" doc:"Until its words were known"`
	FirstTokenMS int        `json:"first_token_ms" doc:"Until the model began"`
	FirstAudioMS int        `json:"first_audio_ms" doc:"Until speech was there"`
	OnWireMS     int        `json:"on_wire_ms" doc:"Until the party could hear it"`
	Interrupted  bool       `json:"interrupted" doc:"The party spoke before the end"`
}

// AIToolCall is a tool that the model wants used.
type AIToolCall struct {
	ID       string         `json:"id" doc:"Tells calls apart"`
	Type     string         `json:"type" doc:"function"`
	Function AIToolFunction `json:"function" doc:"What to do"`
}

// AIToolFunction is a tool's name and arguments.
type AIToolFunction struct {
	Name      string `json:"name" doc:"The tool"`
	Arguments string `json:"arguments" doc:"JSON"`
}

// Aimessage is one message of a conversation with an assistant.
type Aimessage struct {
	Identity
	AicallID     string       `json:"aicall_id" doc:"The conversation"`
	ActiveflowID string       `json:"activeflow_id" doc:"The flow execution that started it"`
	Role         string       `json:"role" doc:"Who speaks" enum:"system,user,assistant,function,tool,notification"`
	Content      string       `json:"content" doc:"The words; of an interrupted assistant only what was heard"`
	Direction    string       `json:"direction" doc:"incoming: from the party, outgoing: to it"`
	ToolCalls    []AIToolCall `json:"tool_calls" doc:"Tools that the model wants used"`
	ToolCallID   string       `json:"tool_call_id" doc:"The tool call that this answers"`
	Interrupted  bool         `json:"interrupted,omitempty" doc:"The party spoke before the end"`
}
