package main

// text is what is said, in a language of espeak-ng.
type text struct{ lang, said string }

func english(all ...string) (list []text) {
	for _, s := range all {
		list = append(list, text{"en", s})
	}
	return list
}

// texts are greetings by what they are; of each list every second one is held
// out: no threshold was chosen on it.
var texts = map[string][]text{
	"hello": append(english(
		"Hello?", "Yes?", "Hello.", "Speaking.", "Hi there.", "Who is it?", "Yeah, hello?", "Good morning.",
		"Yes, hello?", "Hi.", "Yep.", "Hello, hello?",
	), text{"de", "Hallo?"}, text{"de", "Ja bitte?"}, text{"fr", "Allô ?"}, text{"fr", "Oui, bonjour ?"},
		text{"es", "¿Dígame?"}, text{"es", "¿Sí?"}, text{"it", "Pronto?"}, text{"it", "Sì?"}),
	"name": append(english(
		"Hello, Miller speaking.", "Tom Becker on the line.", "This is Karen.", "Good evening, the Johnsons.",
		"Anna Schmidt, hello?", "Hi, it's Maria.", "Robert here, who is this?", "Doctor Lang speaking, yes?",
	), text{"de", "Schneider, guten Tag."}, text{"de", "Familie Hoffmann, hallo?"}, text{"nl", "Met Jan de Vries."},
		text{"nl", "Goedemorgen, met Anneke."}, text{"sv", "Lindqvist."}, text{"sv", "Hej, det är Karin."}),
	"business": append(english(
		"Green Street Dental, Laura speaking.", "Riverside garage, what can I do for you?", "Good afternoon, Baker and Sons.",
		"Hotel Astoria, reception, good evening.", "Service desk, how can I help?", "Accounting, you are speaking with Peter.",
	), text{"de", "Praxis Doktor Weber, guten Morgen."}, text{"de", "Autohaus Krüger, mein Name ist Lehmann."},
		text{"fr", "Cabinet médical, bonjour."}, text{"fr", "Restaurant du Port, je vous écoute."}),
	"receptionist": append(english(
		"Good morning, Harper and Lowe, this is Susan. How may I direct your call?",
		"City library, main desk, you are speaking with Daniel. How can I help you?",
		"Brook Street Veterinary. My name is Alice. What can I do for you?",
		"Good afternoon, Westfield Insurance, Martin speaking. Your policy number, please?",
		"Hello, this is the Grand Hotel, reception. How can I help you?",
		"Lakeside Plumbing and Heating, Rita speaking. Who is calling, please?",
		"Good evening, Luigi's pizza on Main Street. Pick-up or delivery?",
		"University of the North, department of history, good morning.",
		"Thank you for calling Maple Motors, sales department, this is Ben. How can I help?",
		"Thank you for calling the tax office of Brown and Gray. This is Helen, can I help you?",
	), text{"de", "Guten Tag, Firma Bergmann und Söhne, Sie sprechen mit Frau Koch. Was kann ich für Sie tun?"},
		text{"de", "Stadtwerke, Kundendienst, mein Name ist Thomas Vogel. Wie kann ich Ihnen helfen?"}),
	"personal": append(english(
		"Hi, you have reached Karen Miller. I can't come to the phone right now. Please leave your name and number, and I will call you back as soon as I can.",
		"Hey, sorry I missed you. I am probably driving or in a meeting. Tell me what it is about and I will get back to you this afternoon.",
		"This is the mailbox of Tom and Susan. We are not at home. Leave us a message after the tone and have a nice day.",
		"You are connected to the office of Peter Lang. We are closed until Monday morning. Please say your name, your number and the reason for your call.",
		"Hi, this is Jen. I'm away from my desk. If you leave a short message, I'll ring you when I am back.",
		"Good day. I am on holiday until the third of June. Urgent matters go to my colleague Frank. Everything else can wait, so leave a message.",
	), text{"de", "Hallo, hier ist der Anschluss von Petra Maier. Ich bin gerade nicht erreichbar. Bitte sprechen Sie nach dem Ton."},
		text{"de", "Guten Tag. Sie sind mit der Mailbox von Uwe Brandt verbunden. Hinterlassen Sie mir eine Nachricht, ich rufe zurück."},
		text{"fr", "Bonjour, vous êtes bien chez Paul et Claire. Nous sommes absents. Laissez un message après le bip, merci."},
		text{"fr", "Salut, c'est Julien. Je ne peux pas répondre. Dites-moi tout et je vous rappelle bientôt."},
		text{"it", "Ciao, sono Marco. Adesso non posso rispondere. Lasciate un messaggio dopo il segnale acustico."},
		text{"it", "Risponde la segreteria telefonica di Anna Conti. Lasciate nome e numero, grazie."},
		text{"es", "Hola, has llamado a Lucía. Ahora no puedo atenderte. Deja tu mensaje después de la señal."},
		text{"es", "Este es el contestador de la familia Ruiz. No estamos en casa. Llámenos más tarde o deje un recado."}),
	"carrier": append(english(
		"The person you are calling is not available. At the tone, please record your message. When you have finished, you may hang up.",
		"The number you have dialled is busy or out of reach at the moment. You can leave a message after the signal, or send a text instead.",
		"Your call has been forwarded to an automatic voice message system. The subscriber is not available. Please leave a message.",
		"Welcome to the answering service. The customer cannot take your call. Please speak after the tone and press hash when you are done.",
		"The mobile phone you are trying to reach is switched off. Please try again later, or leave a message after the beep.",
		"We are sorry. Nobody is able to answer your call. To leave a voice message, wait for the tone.",
	), text{"de", "Der gewünschte Gesprächspartner ist zurzeit nicht erreichbar. Bitte hinterlassen Sie eine Nachricht nach dem Signalton."},
		text{"de", "Willkommen bei der Sprachbox. Der Teilnehmer nimmt gerade keine Anrufe entgegen. Sprechen Sie bitte jetzt."},
		text{"cs", "Volaný účastník není dostupný. Zanechte prosím zprávu po zaznění tónu."},
		text{"cs", "Vítejte v hlasové schránce. Účastník nemůže přijmout váš hovor. Mluvte po signálu."},
		text{"pl", "Abonent jest czasowo niedostępny. Prosimy zostawić wiadomość po sygnale."},
		text{"pl", "Tu poczta głosowa. Osoba, do której dzwonisz, nie może odebrać telefonu. Nagraj wiadomość."}),
	"digits": english(
		"You have reached five five five, two one nine, four four oh eight. Please leave a message after the tone.",
		"The number zero seven, eight three one, nine six, two two four is not available. Record your message at the signal.",
		"Six, one, seven, five, five, oh, one, nine, three, two. The customer at this number is unavailable. Please leave a message.",
		"Hello. No one at four one five, three eight eight, six oh seven two can take your call. Leave a message.",
	),
	"full": english(
		"The mailbox is full and cannot accept any messages at this time. Goodbye.",
		"This voice mailbox has not been set up yet. Please try your call again later.",
	),
	"short": append(english(
		"Please leave a message.", "You know what to do.", "This is Jim's voicemail.", "Not here. Message after the beep.",
		"Leave it at the tone.", "Sorry, out. Talk to the machine.", "Karen's phone, leave a message.", "Speak now.",
	), text{"fr", "Laissez un message."}, text{"fr", "Parlez après le bip."}, text{"de", "Nachricht bitte."}, text{"de", "Sprich nach dem Ton."}),
	"ivr": english(
		"Thank you for calling Northern Bank. For English, press one. For account balances, press two. To speak to an agent, stay on the line.",
		"Welcome to the city hospital. If this is an emergency, hang up and dial the emergency number. Our options have changed, please listen carefully.",
		"You have reached Delta Travel. All of our agents are busy. Your call is important to us. Please hold.",
		"Hello. This call may be recorded for training. Please say or enter your customer number, followed by the pound key.",
	),
	"screening": english(
		"Hi, the person you are calling is using a screening service and will get a copy of this conversation. Please say your name and why you are calling.",
		"Hello, I am a virtual assistant. I will see whether this person is available. Could you tell me what this call is about?",
		"Hi. If you record your name and reason for calling, I'll see if this person is available.",
		"The person you are trying to reach uses call screening. Go ahead and say who is calling, and what it is about.",
	),
	"hellos": append(english("Hello.", "Hi.", "Hello?", "Hi there.", "Hello there.", "Good day."),
		text{"it", "Pronto."}, text{"it", "Ciao."}),
}
