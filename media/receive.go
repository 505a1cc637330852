package media

import (
	"net/netip"
	"time"

	"offhook/media/codec"
	"offhook/media/dtmf"
	"offhook/media/jitter"
	"offhook/media/plc"
	"offhook/media/tone"
)

// receiver is the half of a port that takes from the network.
type receiver struct {
	latch    latch
	stream   reception
	format   codec.Format
	digits   dtmf.Receiver
	tones    *tone.Detector
	lastCame instant // a packet, or the start of watching
	timedOut bool
	trail    *trail // of what is relayed, where it will be needed

	// What follows exists only while somebody listens.
	listening bool
	buffer    *jitter.Buffer
	decoder   codec.Decoder
	conceal   *plc.Concealer
	pcm       []int16 // decoded and not played yet, have samples
	have      int
	frame     []int16 // said in this tick
	present   bool    // frame holds more than silence for want of packets
}

// setFormat follows a change of codec.
func (r *receiver) setFormat(f codec.Format) {
	r.format = f
	r.stream.clock = int64(f.ClockRate)
	r.digits = *dtmf.NewReceiver(f.ClockRate)
	r.buffer, r.decoder, r.conceal, r.trail = nil, nil, nil, nil
	r.listening = false
	if r.tones != nil {
		r.tones = tone.NewDetector(f.SampleRate)
	}
}

func (r *receiver) setInband(on bool) {
	if !on {
		r.tones = nil
	} else if r.tones == nil {
		r.tones = tone.NewDetector(r.format.SampleRate)
	}
}

// watch starts waiting for packets.
func (r *receiver) watch(at instant) { r.lastCame, r.timedOut = at, false }

// setListening starts or ends decoding.
func (r *receiver) setListening(on bool) {
	r.listening, r.have, r.present = on, 0, false
	if !on {
		return
	}
	r.equip()
	r.buffer.Reset()
	r.conceal.Reset()
}

// equip makes what decoding needs, once.
func (r *receiver) equip() {
	if r.buffer != nil {
		return
	}
	n := r.format.SampleRate / 50
	r.buffer = jitter.New(r.format.ClockRate)
	r.decoder = r.format.NewDecoder()
	r.conceal = plc.New(r.format.SampleRate)
	r.frame = make([]int16, n)
	r.pcm = make([]int16, 3*n)
}

// rtpEnd and rtcpEnd are a Port as the Receiver of its two sockets.
type (
	rtpEnd  Port
	rtcpEnd Port
)

// Receive implements Receiver for RTP, and for RTCP that is multiplexed with it.
func (e *rtpEnd) Receive(packet []byte, from netip.AddrPort) {
	p := (*Port)(e)
	if !p.configured || len(packet) < 2 {
		return
	}
	if kind := packet[1]; kind >= 192 && kind <= 223 { // RFC 5761 section 4
		p.receiveReport(packet, from)
		return
	}
	h := &p.shard.header
	h.CSRC, h.Extensions = h.CSRC[:0], h.Extensions[:0]
	n, err := h.Unmarshal(packet)
	if err != nil || h.Version != 2 {
		p.gauges.invalid.add(1)
		return
	}
	event := p.params.EventPayloadType != 0 && h.PayloadType == p.params.EventPayloadType
	if !event && h.PayloadType != p.params.PayloadType && h.PayloadType != comfortNoise {
		p.gauges.invalid.add(1)
		return
	}
	if !p.in.latch.admit(from, h.SSRC, h.SequenceNumber) {
		p.gauges.strange.add(1)
		return
	}
	at := p.shard.now()
	p.accept(packet, n, event, at)
}

// comfortNoise is the payload type of RFC 3389: the pause that it announces is
// concealed like any other.
const comfortNoise = 13

// accept takes a packet that belongs to the call; its header, n bytes long, is in
// the shard's header.
func (p *Port) accept(packet []byte, n int, event bool, at instant) {
	h := &p.shard.header
	p.in.lastCame, p.in.timedOut = at, false
	p.gauges.received.add(1)
	p.gauges.receivedBytes.add(int64(len(packet) - n))
	switch p.in.stream.add(h.SSRC, h.SequenceNumber, h.Timestamp, at) {
	case duplicate:
		p.gauges.duplicate.add(1)
		return
	case restarted:
		p.in.digits.Reset()
	}
	payload := packet[n:]
	if h.Padding && len(payload) > 0 {
		payload = payload[:max(0, len(payload)-int(payload[len(payload)-1]))]
	}
	if event {
		p.receiveEvent(h.SequenceNumber, h.Timestamp, h.Marker, payload, at)
	}
	switch {
	case !p.params.Receive:
	case p.forward != nil:
		p.shard.awaited = at
		if p.in.trail != nil && h.PayloadType == p.params.PayloadType {
			p.in.trail.add(payload)
		}
		p.forward.relay(p, packet, len(payload), event, at)
	case p.in.listening && h.PayloadType == p.params.PayloadType && len(payload) > 0:
		p.shard.awaited = at
		switch p.in.buffer.Put(h.SequenceNumber, h.Timestamp, payload, time.Duration(at)) {
		case jitter.Late, jitter.Overflow:
			p.gauges.late.add(1)
		}
	}
}

// listen decodes the frame of what the party said.
func (p *Port) listen(at instant) {
	r := &p.in
	r.present = r.fill(p, at)
	n := len(r.frame)
	copy(r.frame, r.pcm[:n])
	copy(r.pcm, r.pcm[n:r.have])
	r.have -= n
	if r.tones != nil {
		p.detectTones(r.frame)
	}
	if p.muteSaid || !p.params.Receive {
		clear(r.frame)
		r.present = false
	}
}

// fill brings the decoded audio to a whole frame at least; false when all of it
// is silence because the stream pauses.
func (r *receiver) fill(p *Port, at instant) bool {
	n := len(r.frame)
	heard := r.have > 0
	for r.have < n {
		ahead := time.Duration(r.have) * time.Second / time.Duration(r.format.SampleRate)
		step, payload, units := r.buffer.Next(time.Duration(at) + ahead)
		switch step {
		case jitter.Idle:
			clear(r.pcm[r.have:n])
			r.have = n
			return heard
		case jitter.Play:
			r.decode(payload)
		case jitter.Squeeze:
			first := r.have
			r.decode(payload)
			r.join(first, time.Duration(at)+ahead)
		default:
			k := units * r.format.SampleRate / r.format.ClockRate
			r.conceal.Bad(r.room(k))
			if step == jitter.Conceal {
				p.gauges.concealed.add(1)
			}
		}
		heard = true
	}
	return true
}

// decode appends a payload's audio.
func (r *receiver) decode(payload []byte) int {
	k := r.format.Samples(len(payload))
	room := r.room(k)
	k = r.decoder.Decode(room, payload)
	r.have -= len(room) - k
	r.conceal.Good(room[:k])
	r.buffer.Advance(k * r.format.ClockRate / r.format.SampleRate)
	return k
}

// join makes the delay one packet shorter: the packet from first on passes over
// into the one after it, in the time of one.
func (r *receiver) join(first int, at time.Duration) {
	step, payload, _ := r.buffer.Next(at)
	if step != jitter.Play {
		return
	}
	second := r.have
	k := r.decode(payload)
	if k != second-first {
		return // packets of different lengths stay as they are
	}
	a, b := r.pcm[first:second], r.pcm[second:r.have]
	for i := range a {
		a[i] = int16((int(a[i])*(k-i) + int(b[i])*i) / k)
	}
	r.have = second
}

// room makes k samples of space at the end of what is decoded.
func (r *receiver) room(k int) []int16 {
	for len(r.pcm) < r.have+k {
		r.pcm = append(r.pcm, make([]int16, len(r.frame))...)
	}
	r.have += k
	return r.pcm[r.have-k : r.have]
}
