package main

// greetings are what is said, by kind; of each kind the second half is held
// out: no threshold was chosen on it.
var greetings = map[string][]string{
	"human/hello": {
		"Hello?", "Hello.", "Yes?", "Hi there.",
		"Yeah, hello?", "Good morning.", "Speaking.", "Who is it?",
	},
	"human/name": {
		"Hello, Miller speaking.", "This is Karen.", "Anna Schmidt, hello?", "Robert here, who is this?",
		"Tom Becker on the line.", "Good evening, the Johnsons.", "Hi, it's Maria.", "Doctor Lang speaking, yes?",
	},
	"human/business": {
		"Green Street Dental, Laura speaking.", "Good afternoon, Baker and Sons.", "Service desk, how can I help?",
		"Riverside garage, what can I do for you?", "Hotel Astoria, reception, good evening.", "Accounting, you are speaking with Peter.",
	},
	"machine/personal": {
		"Hi, you have reached Karen Miller. I can't come to the phone right now. Please leave your name and number, and I will call you back as soon as I can.",
		"This is the mailbox of Tom and Susan. We are not at home. Leave us a message after the tone and have a nice day.",
		"Hey, sorry I missed you. I am probably driving or in a meeting. Tell me what it is about and I will get back to you this afternoon.",
		"You are connected to the office of Peter Lang. We are closed until Monday morning. Please say your name, your number and the reason for your call.",
	},
	"machine/carrier": {
		"The person you are calling is not available. At the tone, please record your message. When you have finished, you may hang up.",
		"Your call has been forwarded to an automatic voice message system. The subscriber is not available. Please leave a message.",
		"The number you have dialled is busy or out of reach at the moment. You can leave a message after the signal, or send a text instead.",
		"Welcome to the answering service. The customer cannot take your call. Please speak after the tone and press hash when you are done.",
	},
	"machine/short": {
		"Please leave a message.", "Not here. Message after the beep.",
		"This is Jim's voicemail.", "You know what to do.",
	},
	"machine/ivr": {
		"Thank you for calling Northern Bank. For English, press one. For account balances, press two. To speak to an agent, stay on the line.",
		"Welcome to the city hospital. If this is an emergency, hang up and dial the emergency number. Our options have changed, please listen carefully.",
	},
	"machine/screening": {
		"Hi, the person you are calling is using a screening service and will get a copy of this conversation. Please say your name and why you are calling.",
		"Hello, I am a virtual assistant. I will see whether this person is available. Could you tell me what this call is about?",
	},
}

// voices are the synthesisers' voices; the second half is held out.
var voices = []voice{
	{"espeak-ng", "en-us+m3"}, {"espeak-ng", "en-gb+f3"}, {"espeak-ng", "en-029+m2"}, {"espeak-ng", "en-us+f5"}, {"flite", "awb"}, {"festival", "kdlpc16k"},
	{"espeak-ng", "en-us+m7"}, {"espeak-ng", "en-gb-x-rp+f4"}, {"espeak-ng", "en-gb-scotland+m6"}, {"espeak-ng", "en-gb+f1"}, {"flite", "slt"}, {"festival", "cmu_us_slt_arctic_hts"},
}
