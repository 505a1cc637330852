package media

import (
	"encoding/binary"

	"offhook/media/codec"
)

// handover is how many frames a stream waits after relaying ends until the
// jitter buffer of the other port gives its first frame: the audio then goes on
// where the packets ended.
const handover = 4

// relayed maps the packets of another port's stream onto this port's.
type relayed struct {
	port  *Port
	ssrc  uint32
	seq   uint16 // to add
	ts    uint32 // to add
	floor uint16 // sequence number before which packets were for the stream before
	base  uint32 // timestamp of the newest packet, as received
}

// setForward relays the packets that come here to the port given, from now on;
// nil ends it. Packets that wait to be played go out first.
func (p *Port) setForward(to *Port) {
	if p.forward == to {
		return
	}
	if old := p.forward; old != nil {
		old.out.relayed--
		old.out.from = relayed{}
		old.out.hold = handover
		p.continueFor(old)
	}
	p.forward = to
	defer p.describe()
	if to == nil {
		return
	}
	to.out.relayed++
	to.out.from = relayed{}
	if _, ok := to.out.encoder.(codec.Continuer); ok {
		p.in.trail = &trail{}
	}
	if p.in.listening {
		p.flush(to)
	}
}

// trail is the newest payloads that were relayed, 320 ms of them: from so many, a
// decoder that heard nothing before is where its peer is.
type trail struct {
	bytes [16 * 160]byte
	n     int // ever
}

func (t *trail) add(payload []byte) {
	for len(payload) > 0 {
		k := copy(t.bytes[t.n%len(t.bytes):], payload)
		t.n += k
		payload = payload[k:]
	}
}

// replay gives the payloads to a decoder, 20 ms at a time, the last into pcm.
func (t *trail) replay(d codec.Decoder, pcm []int16) {
	var frame [160]byte
	for at := max(0, t.n-len(t.bytes)); at+len(frame) <= t.n; at += len(frame) {
		for i := range frame {
			frame[i] = t.bytes[(at+i)%len(t.bytes)]
		}
		d.Decode(pcm, frame[:])
	}
}

// continueFor ends relaying in a format whose codes are understood by those
// before them: the decoder of what comes here, and the encoder of what the other
// port sends, go on from what was relayed.
func (p *Port) continueFor(old *Port) {
	t := p.in.trail
	p.in.trail = nil
	encoder, ok := old.out.encoder.(codec.Continuer)
	if t == nil || t.n == 0 || !ok {
		return
	}
	p.in.equip()
	var frame [maxFrame]int16 // the shard's may be in use
	pcm := frame[:p.in.format.SampleRate/50]
	t.replay(p.in.decoder, pcm)
	encoder.Join(p.in.decoder, pcm)
	old.out.leader = nil
}

// flush sends the packets that wait in the jitter buffer on to the port that is
// relayed to.
func (p *Port) flush(to *Port) {
	to.out.drop()
	p.in.buffer.Take(func(_ uint16, _ uint32, payload []byte) {
		to.send(payload, to.params.PayloadType, to.out.ts, to.out.marker)
		to.out.marker = false
		units := uint32(to.out.format.Samples(len(payload)) * to.out.format.ClockRate / to.out.format.SampleRate)
		to.out.ts += units
		to.out.due = p.shard.now() + instant(frameTime)
	})
	p.in.setListening(false)
}

// relay sends a packet that came to port from on as one of this port's stream.
// It rewrites the packet in place; the header is in the shard's header.
func (p *Port) relay(from *Port, packet []byte, payload int, event bool, at instant) {
	if p.closed || !p.params.Send || p.in.latch.destination().Port() == 0 {
		return
	}
	h, o := &from.shard.header, &p.out
	m := &o.from
	// A leap in the received timestamps is a new timeline, or a pause.
	if leap := int32(h.Timestamp - m.base); m.port != from || m.ssrc != h.SSRC || leap > maxLeap || leap < -maxLeap {
		o.drop()
		o.sync(at)
		*m = relayed{
			port: from, ssrc: h.SSRC, seq: o.seq - h.SequenceNumber, ts: o.ts - h.Timestamp,
			floor: h.SequenceNumber, base: h.Timestamp,
		}
	}
	if int16(h.SequenceNumber-m.floor) < 0 {
		return
	}
	payloadType := p.params.PayloadType
	switch {
	case event:
		payloadType = p.params.EventPayloadType
	case h.PayloadType != from.params.PayloadType:
		return // comfort noise was not offered to the other side
	}
	seq, ts := h.SequenceNumber+m.seq, h.Timestamp+m.ts
	packet[1] = payloadType
	if h.Marker || o.marker && !event {
		packet[1] |= 0x80
		o.marker = o.marker && event
	}
	binary.BigEndian.PutUint16(packet[2:], seq)
	binary.BigEndian.PutUint32(packet[4:], ts)
	binary.BigEndian.PutUint32(packet[8:], o.ssrc)
	if int16(seq-o.seq) >= 0 {
		o.seq = seq + 1
		m.floor = max16(m.floor, h.SequenceNumber-maxLate)
		if !event {
			m.base = h.Timestamp
			o.ts = ts + uint32(p.out.format.Samples(payload)*p.out.format.ClockRate/p.out.format.SampleRate)
		}
		o.due = at + instant(frameTime)
		o.silent = false
	}
	p.write(packet, payload, ts)
}

const (
	maxLeap = 1 << 17 // timestamp units, 16 s at 8 kHz
	maxLate = 1 << 10 // packets
)

// max16 is the later of two sequence numbers.
func max16(a, b uint16) uint16 {
	if int16(b-a) > 0 {
		return b
	}
	return a
}
