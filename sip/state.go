package sip

// state is where the INVITE of a dialog has come to. What a refresh, a
// re-INVITE or a reliable response is doing beside it is kept by their own
// parts; they live only in early and confirmed dialogs.
type state uint8

const (
	calling       state = iota // out: INVITE sent, nothing heard
	proceeding                 // out: a provisional response came
	cancelWaiting              // out: given up before any response; CANCEL must wait for one (RFC 3261 9.1)
	cancelling                 // out: CANCEL sent, the final response is awaited
	ringing                    // in: INVITE received, no final response yet
	answered                   // in: 2xx sent, ACK awaited
	releasing                  // in: hung up after the 2xx; the BYE must wait for the ACK (RFC 3261 15)
	confirmed                  // both: 2xx and ACK are through
	terminated                 // both: over; only a BYE of ours may still be unanswered
	stateCount
)

var stateNames = [stateCount]string{
	"calling", "proceeding", "cancelWaiting", "cancelling", "ringing", "answered", "releasing", "confirmed", "terminated",
}

func (s state) String() string { return stateNames[s] }

// input is what can happen to a dialog.
type input uint8

const (
	heardProvisional input = iota // 101 to 199
	heardSuccess                  // 2xx to our INVITE
	heardFailure                  // final refusal of our INVITE, or none within Timer B
	heardCancel                   // CANCEL of the INVITE
	heardAck                      // ACK of our 2xx
	heardBye                      // BYE
	lostAck                       // 64*T1 without the ACK of our 2xx
	lostPeer                      // session expired, or the peer knows the dialog no more
	wantAnswer                    // the application answers
	wantReject                    // the application refuses
	wantHangup                    // the application hangs up
	inputCount
)

var inputNames = [inputCount]string{
	"provisional", "success", "failure", "cancel", "ack", "bye", "lostAck", "lostPeer", "answer", "reject", "hangup",
}

func (i input) String() string { return inputNames[i] }

// action is what a transition obliges to, in the words of RFC 3261.
type action uint8

const (
	nothing     action = iota
	progress           // tell the handler of the provisional response
	confirm            // ACK the 2xx, tell the handler
	crossed            // ACK the 2xx that crossed our CANCEL, then BYE
	fail               // tell the handler that the call was refused
	giveUp             // tell the handler that it is over; CANCEL follows the first response
	cancel             // tell the handler that it is over; send CANCEL
	cancelNow          // the response that CANCEL waited for is here
	accept             // send 2xx and repeat it until the ACK
	acknowledge        // stop repeating
	refuse             // send the final refusal
	cancelled          // send 487 and tell the handler
	byeEarly           // 487 for the INVITE of a dialog that the caller ended by BYE
	release            // send BYE and tell the handler
	releaseLate        // tell the handler now; BYE follows the ACK
	byeNow             // the ACK that BYE waited for came, or never will
	released           // tell the handler that the peer hung up
	over               // nothing more to do
)

type transition struct {
	next state
	do   action
}

// transitions lists what is allowed; everything else changes nothing. The
// answer to a CANCEL or BYE itself (200) is sent by its receiver.
var transitions = map[state]map[input]transition{
	calling: {
		heardProvisional: {proceeding, progress},
		heardSuccess:     {confirmed, confirm},
		heardFailure:     {terminated, fail},
		wantHangup:       {cancelWaiting, giveUp},
	},
	proceeding: {
		heardProvisional: {proceeding, progress},
		heardSuccess:     {confirmed, confirm},
		heardFailure:     {terminated, fail},
		wantHangup:       {cancelling, cancel},
	},
	cancelWaiting: {
		heardProvisional: {cancelling, cancelNow},
		heardSuccess:     {terminated, crossed},
		heardFailure:     {terminated, over},
	},
	cancelling: {
		heardSuccess: {terminated, crossed},
		heardFailure: {terminated, over},
	},
	ringing: {
		wantAnswer:  {answered, accept},
		wantReject:  {terminated, refuse},
		wantHangup:  {terminated, refuse},
		heardCancel: {terminated, cancelled},
		heardBye:    {terminated, byeEarly},
		lostPeer:    {terminated, refuse},
	},
	answered: {
		heardAck:   {confirmed, acknowledge},
		heardBye:   {terminated, released},
		lostAck:    {terminated, release},
		lostPeer:   {terminated, release},
		wantHangup: {releasing, releaseLate},
	},
	releasing: {
		heardAck: {terminated, byeNow},
		lostAck:  {terminated, byeNow},
		heardBye: {terminated, over},
	},
	confirmed: {
		heardBye:   {terminated, released},
		lostAck:    {terminated, release}, // of a re-INVITE
		lostPeer:   {terminated, release},
		wantHangup: {terminated, release},
	},
}

// step is the whole of the state machine: pure, so that a test can walk it.
func step(s state, in input) (transition, bool) {
	t, ok := transitions[s][in]
	return t, ok
}
