package action

import "offhook/flow"

// Verbs is the table of all verbs, for flow.Parse.
var Verbs = flow.NewVerbs(rows, refused)

// option makes the constructor of an option's struct.
func option[T any, P interface {
	*T
	flow.Option
}]() func() flow.Option {
	return func() flow.Option { return P(new(T)) }
}

// rows is the table: a verb is its row here and its file.
var rows = []flow.Verb{
	{
		Name: "answer", Needs: flow.NeedsCall, New: option[Answer](),
		Doc: "Answers an inbound call. Actions that play, collect or record do so by themselves.",
	},
	{
		Name: "talk", Needs: flow.NeedsAnswer, Blocks: true, New: option[Talk](),
		Doc:     "Says a text. An engine that fails or is missing is told by an event, and the flow goes on.",
		Example: `{"text": "Welcome, ${caller_name}.", "language": "en-US"}`,
	},
	{
		Name: "play", Needs: flow.NeedsAnswer, Blocks: true, New: option[Play](),
		Doc:     "Plays files.",
		Example: `{"stream_urls": ["https://example.com/welcome.wav"]}`,
	},
	{
		Name: "beep", Needs: flow.NeedsAnswer, Blocks: true, New: option[Beep](),
		Doc: "Plays one short tone.",
	},
	{
		Name: "sleep", Needs: flow.NeedsNothing, Blocks: true, New: option[Sleep](),
		Doc:     "Waits. It neither answers the call nor interrupts what plays in the background.",
		Example: `{"duration": 2000}`,
	},
	{
		Name: "digits_receive", Aliases: []string{"dtmf_receive"}, Needs: flow.NeedsAnswer, Blocks: true, New: option[DigitsReceive](),
		Doc:     "Collects digits into voipbin.call.digits, those included that were pressed since the last collection, so that a caller may type ahead. It ends with the first of length, key and duration.",
		Example: `{"length": 4, "key": "#", "duration": 10000}`,
	},
	{
		Name: "digits_send", Aliases: []string{"dtmf_send"}, Needs: flow.NeedsAnswer, Blocks: true, New: option[DigitsSend](),
		Doc:     "Sends digits to the party.",
		Example: `{"digits": "1234#"}`,
	},
	{
		Name: "branch", Needs: flow.NeedsNothing, New: option[Branch](),
		Doc:     "Goes to the action that belongs to a variable's value, then clears the variable.",
		Example: `{"target_ids": {"1": "sales", "2": "support"}, "default_target_id": "invalid"}`,
	},
	{
		Name: "goto", Needs: flow.NeedsNothing, New: option[Goto](),
		Doc:     "Goes to another action, loop_count times in a run; after that the flow goes on with the next action.",
		Example: `{"target_id": "welcome", "loop_count": 2}`,
	},
	{
		Name: "variable_set", Needs: flow.NeedsNothing, New: option[VariableSet](),
		Doc:     "Sets a variable.",
		Example: `{"key": "tier", "value": "gold"}`,
	},
	{
		Name: "connect", Needs: flow.NeedsCall, Blocks: true, New: option[Connect](),
		Doc:     "Lets the caller talk to somebody else. All destinations ring at once and the first to answer is connected; the flow goes on when the callee hangs up or nobody answered. voipbin.connect.result tells answered, busy, noanswer, rejected, failed or whisper_rejected.",
		Example: `{"destinations": [{"type": "tel", "target": "+15552222222"}], "ring_timeout": 30000}`,
	},
	{
		Name: "hangup", Aliases: []string{"hangup_relay"}, Needs: flow.NeedsNothing, New: option[Hangup](),
		Doc:     "Ends the call, and with it the flow.",
		Example: `{"reason": "busy"}`,
	},
	{
		Name: "stop", Needs: flow.NeedsNothing, New: option[Stop](),
		Doc: "Ends the flow, and with it the call. The flow's on_complete_flow_id still runs.",
	},
	{
		Name: "echo", Needs: flow.NeedsAnswer, Blocks: true, New: option[Echo](),
		Doc:     "Lets the party hear itself.",
		Example: `{"duration": 30000}`,
	},
	{
		Name: "stream_echo", Needs: flow.NeedsAnswer, Blocks: true, New: option[Echo](),
		Doc:     "Lets the party hear itself, as echo does.",
		Example: `{"duration": 30000}`,
	},
	{
		Name: "condition_variable", Needs: flow.NeedsNothing, New: option[ConditionVariable](),
		Doc:     "Goes on when a variable compares with a value as asked for, else to false_target_id.",
		Example: `{"condition": ">=", "variable": "order.total", "value_type": "number", "value_number": 100, "false_target_id": "small"}`,
	},
	{
		Name: "condition_datetime", Needs: flow.NeedsNothing, New: option[ConditionDatetime](),
		Doc:     "Goes on when the present time compares with every part that is given, read as now condition part, else to false_target_id. Opening hours are two of them: hour >= 9 and hour < 17.",
		Example: `{"condition": ">=", "hour": 9, "weekdays": [1, 2, 3, 4, 5], "timezone": "Europe/Berlin", "false_target_id": "closed"}`,
	},
	{
		Name: "condition_call_digits", Needs: flow.NeedsCall, New: option[ConditionCallDigits](),
		Doc:     "Goes on when enough digits or a certain one were collected, else to false_target_id. condition_variable does more.",
		Example: `{"length": 4, "false_target_id": "again"}`,
	},
	{
		Name: "condition_call_status", Needs: flow.NeedsCall, New: option[ConditionCallStatus](),
		Doc:     "Goes on when the call has a status, else to false_target_id.",
		Example: `{"status": "progressing", "false_target_id": "unanswered"}`,
	},
	{
		Name: "call", Needs: flow.NeedsNothing, New: option[Call](),
		Doc:     "Places calls that are independent of this one, and goes on at once.",
		Example: `{"source": {"type": "tel", "target": "+15550000000"}, "destinations": [{"type": "tel", "target": "+15552222222"}], "actions": [{"type": "talk", "option": {"text": "A caller waits."}}]}`,
	},
	{
		Name: "agent_call", Needs: flow.NeedsCall, Blocks: true, New: option[AgentCall](),
		Doc:     "Connects the caller with an agent, as connect with an agent address does.",
		Example: `{"agent_id": "alice"}`,
	},
	{
		Name: "fetch", Aliases: []string{"patch"}, Needs: flow.NeedsNothing, Blocks: true, New: option[Fetch](),
		Doc:     "Asks a server for a list of actions, sending activeflow_id and reference_id, and runs them. They may go to actions of this flow.",
		Example: `{"event_url": "https://example.com/next"}`,
	},
	{
		Name: "fetch_flow", Aliases: []string{"patch_flow"}, Needs: flow.NeedsNothing, New: option[FetchFlow](),
		Doc:     "Runs the actions of another flow, then goes on.",
		Example: `{"flow_id": "opening-hours"}`,
	},
	{
		Name: "dnc_add", Needs: flow.NeedsNothing, New: option[DNCAdd](),
		Doc:     "Puts a number on the list of those that campaigns must not call: the party's own, or another.",
		Example: `{"detail": "asked for it in the menu"}`,
	},
	{
		Name: "webhook_send", Needs: flow.NeedsNothing, Blocks: true, New: option[WebhookSend](),
		Doc:     "Sends an HTTP request, signed as webhooks are. Its failure does not stop the flow.",
		Example: `{"uri": "https://example.com/hook", "data": "{\"digits\": \"${voipbin.call.digits}\"}"}`,
	},
	{
		Name: "mute", Needs: flow.NeedsCall, New: option[Mute](),
		Doc:     "Silences what the party says, hears, or both.",
		Example: `{"direction": "in"}`,
	},
	{
		Name: "empty", Needs: flow.NeedsNothing, New: option[Empty](),
		Doc: "Does nothing; a place to jump to.",
	},
	{
		Name: "record_start", Aliases: []string{"recording_start"}, Needs: flow.NeedsAnswer, New: option[RecordStart](),
		Doc:     "Records the call in the background until record_stop, an end that the option asks for, or hang-up. voipbin.recording.id tells which.",
		Example: `{"direction": "both", "format": "mp3"}`,
	},
	{
		Name: "record_stop", Aliases: []string{"recording_stop"}, Needs: flow.NeedsCall, New: option[RecordStop](),
		Doc: "Ends the newest recording.",
	},
	{
		Name: "record_voice", Needs: flow.NeedsAnswer, Blocks: true, New: option[RecordVoice](),
		Doc:     "Records the caller alone and waits for the end: silence after speech, a digit, the duration, or hang-up.",
		Example: `{"duration": 5000, "silence_timeout": 2000, "variable_name": "caller_name"}`,
	},
	{
		Name: "moh_start", Needs: flow.NeedsAnswer, New: option[MohStart](),
		Doc:     "Plays music in the background until moh_stop or a conversation.",
		Example: `{"music_class": "default"}`,
	},
	{
		Name: "moh_stop", Needs: flow.NeedsCall, New: option[MohStop](),
		Doc: "Ends the music.",
	},
	{
		Name: "amd", Needs: flow.NeedsAnswer, Blocks: true, New: option[AMD](),
		Doc:     "Finds out whether a person or a machine has answered. Nothing is played before the verdict. Sets voipbin.amd.result (human, machine, notsure, fax, sit, silence), voipbin.amd.cause and voipbin.amd.decided_at_ms.",
		Example: `{"machine_action": "voicemail", "human_action": "continue", "timeout": 3000}`,
	},
	{
		Name: "queue_join", Needs: flow.NeedsAnswer, Blocks: true, New: option[QueueJoin](),
		Doc:     "Waits in a queue for an agent and talks to that agent. The flow goes on when the conversation is over or the caller has left the line; voipbin.queue.result tells how.",
		Example: `{"queue_id": "support"}`,
	},
	{
		Name: "conference_join", Aliases: []string{"conference"}, Needs: flow.NeedsAnswer, Blocks: true, New: option[ConferenceJoin](),
		Doc:     "Joins a conference until it ends or the call is removed. voipbin.conference.result tells joined, not_found, full, pin_rejected or ended.",
		Example: `{"conference_id": "weekly", "role": "moderator"}`,
	},
	{
		Name: "transcribe_start", Needs: flow.NeedsCall, New: option[Transcribe](),
		Doc:     "Turns what is said into text in the background until transcribe_stop or hang-up. Each sentence is an event transcript_created.",
		Example: `{"language": "en-US", "direction": "both"}`,
	},
	{
		Name: "transcribe_stop", Needs: flow.NeedsCall, New: option[TranscribeStop](),
		Doc: "Ends the transcription.",
	},
	{
		Name: "transcribe_recording", Needs: flow.NeedsNothing, New: option[TranscribeRecording](),
		Doc:     "Turns the call's recordings into text.",
		Example: `{"language": "en-US"}`,
	},
	{
		Name: "ai_talk", Aliases: []string{"chatbot_talk"}, Needs: flow.NeedsAnswer, Blocks: true, New: option[AITalk](),
		Doc:     "Lets the party talk to an assistant until either is done. The flow goes on with what the assistant asks for, then with the next action; voipbin.ai.result tells how it ended.",
		Example: `{"ai_id": "reception", "prompt": "Find out why they call.", "end_call_phrases": ["goodbye"]}`,
	},
	{
		Name: "ai_summary", Needs: flow.NeedsNothing, Blocks: true, New: option[AISummary](),
		Doc:     "Sums up a conversation into voipbin.ai_summary.content.",
		Example: `{"reference_type": "call", "language": "en-US"}`,
	},
	{
		Name: "ai_task", Needs: flow.NeedsNothing, Blocks: true, New: option[AITask](),
		Doc:     "Lets an assistant do a task in text alone.",
		Example: `{"ai_id": "clerk", "prompt": "Which department suits: ${reason}?"}`,
	},
}

// refused are verbs of VoIPBIN that offhook does not have, and why.
var refused = map[string]string{
	"confbridge_join":      "rooms inside of the server have no id to join; use conference_join",
	"block":                "it waits for a continuation that no public interface gives; use sleep",
	"message_send":         "offhook carries calls, not text messages; use webhook_send",
	"email_send":           "offhook carries calls, not mail; use webhook_send",
	"conversation_send":    "offhook carries calls, not chats; use webhook_send",
	"case_create":          "offhook keeps no cases; use webhook_send",
	"external_media_start": "audio is not streamed to other hosts; use transcribe_start or ai_talk",
	"external_media_stop":  "audio is not streamed to other hosts; use transcribe_stop",
}
