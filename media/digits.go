package media

import (
	"time"

	"offhook/media/dtmf"
	"offhook/media/tone"
)

// keying is digits being sent, as events or as tones.
type keying struct {
	digits   string
	on, gap  time.Duration
	playback *Playback
	events   bool
	sender   *dtmf.Sender
	tones    *Playback
}

// SendDigits sends key presses, each held for on with gap after it, as
// telephone-events when they were negotiated and else as tones. Digits sent
// before it are finished first; all else that the party hears waits meanwhile.
// Characters that are no keys are left out.
func (p *Port) SendDigits(digits string, on, gap time.Duration) *Playback {
	k := &keying{digits: digits, on: on, gap: gap}
	k.playback = NewPlayback(nil, p.inbox.post)
	posted := p.inbox.post(func() {
		if p.closed {
			k.playback.End(ErrClosed)
			return
		}
		p.keying = append(p.keying, k)
		if len(p.keying) == 1 {
			p.startKeying()
		}
		p.refresh()
	})
	if !posted {
		k.playback.End(ErrClosed)
	}
	return k.playback
}

// startKeying prepares the first digits in line, by what is negotiated now.
func (p *Port) startKeying() {
	k := p.keying[0]
	if p.params.EventPayloadType != 0 {
		k.events = true
		k.sender = dtmf.NewSender(k.digits, k.on, k.gap, p.params.Format.ClockRate)
		return
	}
	specs := make([]tone.Spec, 0, len(k.digits))
	for i := range len(k.digits) {
		if s, ok := tone.DTMF(k.digits[i], k.on, k.gap); ok {
			specs = append(specs, s)
		}
	}
	rate := max(8000, p.params.Format.SampleRate)
	k.tones = NewPlayback(tone.New(rate, specs...), p.inbox.post)
}

// keyed writes the frame of the digits being sent: their tones, or silence while
// events are sent in place of audio; false when all are sent.
func (p *Port) keyed(frame []int16) bool {
	for len(p.keying) > 0 {
		k := p.keying[0]
		if k.playback.over.Load() {
			p.nextKeying(ErrStopped)
			continue
		}
		if k.events {
			clear(frame)
			return true
		}
		if k.tones.ReadFrame(frame, p.params.Format.SampleRate) {
			return true
		}
		p.nextKeying(nil)
	}
	return false
}

// nextKeying ends the first digits in line and starts the next.
func (p *Port) nextKeying(err error) {
	p.keying[0].playback.End(err)
	p.keying = p.keying[1:]
	if len(p.keying) > 0 {
		p.startKeying()
	}
	p.refresh()
}

// sendEvents sends the frame's telephone-event, if digits are being sent as
// events; true when it took the frame.
func (p *Port) sendEvents() bool {
	for len(p.keying) > 0 && p.keying[0].events {
		k := p.keying[0]
		packet, over := k.sender.Next(p.out.ts)
		if over {
			p.nextKeying(nil)
			continue
		}
		if packet.Send {
			var payload [4]byte
			packet.Event.Marshal(payload[:])
			p.send(payload[:], p.params.EventPayloadType, packet.Timestamp, packet.Marker)
		}
		return true
	}
	return false
}

// receiveEvent takes a telephone-event packet.
func (p *Port) receiveEvent(seq uint16, ts uint32, marker bool, payload []byte, at instant) {
	e, err := dtmf.Parse(payload)
	if err != nil {
		return
	}
	presses, n := p.in.digits.Push(seq, ts, marker, e, time.Duration(at))
	for _, press := range presses[:n] {
		p.digit(Digit{Key: press.Key, Duration: press.Duration})
	}
}

// expireDigit tells of a press whose end was lost.
func (p *Port) expireDigit(at instant) {
	if press, ok := p.in.digits.Expire(time.Duration(at)); ok {
		p.digit(Digit{Key: press.Key, Duration: press.Duration})
	}
}

// detectTones looks for digits in the party's audio. The detector is certain
// after 25 ms and tells of the end later; the first counts.
func (p *Port) detectTones(frame []int16) {
	for _, e := range p.in.tones.Process(frame) {
		if !e.End {
			p.digit(Digit{Key: e.Digit, Duration: e.Duration, Inband: true})
		}
	}
}

func (p *Port) digit(d Digit) {
	if p.onDigit != nil {
		p.onDigit(d)
	}
	if p.seat != nil {
		p.seat.group.mixer.Digit(p.seat, d)
	}
}
