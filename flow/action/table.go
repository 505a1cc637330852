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
