package media

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"offhook/media/codec"
)

const headerSize = 12

// sender is the half of a port that gives to the network. Its SSRC, sequence
// numbers and timestamps are one stream whatever feeds it: the clock, digits or
// packets relayed from another port.
type sender struct {
	ssrc    uint32
	seq     uint16  // of the next packet
	ts      uint32  // of the next frame, or of the first byte in pending
	due     instant // when the next frame is due by the schedule; 0: not begun
	marker  bool    // the next packet starts a talkspurt
	silent  bool    // the last frame held no sound
	hold    int     // frames to wait for a stream that was relayed until now
	relayed int     // ports that relay their packets here
	from    relayed

	format  codec.Format
	encoder codec.Encoder
	encoded []byte // one frame
	pending []byte // encoded, too little for a packet yet
	size    int    // bytes of payload in a packet
	units   uint32 // timestamp units in a frame

	leader   *commonForm // whose encoder made the last frame, nil: our own
	followed int         // the number of that frame
	started  bool        // ours has made any
	rest     int         // frames of silence sent up to now

	packets, octets uint32 // for sender reports
	lastTS          uint32 // of the last packet, and when it was sent
	lastAt          instant
}

func (o *sender) init() {
	o.ssrc, o.seq, o.ts = rand.Uint32(), uint16(rand.Uint32()), rand.Uint32()
	o.marker, o.silent = true, true
}

func (o *sender) setFormat(f codec.Format) {
	o.format, o.encoder = f, f.NewEncoder()
	o.units = uint32(f.ClockRate / 50)
	o.encoded = make([]byte, bytesOf(f, frameTime))
	o.pending = o.pending[:0]
	o.leader, o.started, o.rest = nil, false, 0
}

func (o *sender) setPtime(d time.Duration) {
	o.size = bytesOf(o.format, d)
	if cap(o.pending) < o.size+len(o.encoded) {
		o.pending = append(make([]byte, 0, o.size+len(o.encoded)), o.pending...)
	}
}

// bytesOf is the length of d in a format's payload. All formats here are 64
// kbit/s.
func bytesOf(f codec.Format, d time.Duration) int {
	return int(d * time.Duration(f.SampleRate) / time.Second * 1000 / time.Duration(f.Samples(1000)))
}

// restAfter is how far the schedule may be from the stream before its timestamps
// leap over the pause; less is made up for by the peer's jitter buffer.
const restAfter = 100 * time.Millisecond

// sync brings the timestamp to the frame that is due at the instant given.
func (o *sender) sync(at instant) {
	if pause := time.Duration(at - o.due); o.due != 0 && pause >= restAfter {
		frames := (pause + frameTime/2) / frameTime
		o.ts += uint32(frames) * o.units
		o.due += instant(frames * frameTime)
		o.marker = true
		o.drop()
	}
	if o.due == 0 || at > o.due+instant(frameTime) || at < o.due-instant(frameTime) {
		o.due = at
	}
}

// drop forgets what is encoded and too little for a packet.
func (o *sender) drop() {
	o.ts += uint32(o.format.Samples(len(o.pending)) * o.format.ClockRate / max(1, o.format.SampleRate))
	o.pending = o.pending[:0]
}

// transmit sends the frame heard, or the telephone-event in its place.
func (p *Port) transmit(at instant, heard []int16, sound bool) {
	o := &p.out
	if o.hold > 0 {
		if o.hold--; !sound {
			return // content goes on with the next frame
		}
		o.hold = 0
	}
	o.sync(at)
	if p.sendEvents() {
		o.skipFrame()
		return
	}
	if !p.params.Send {
		clear(heard)
		o.skipFrame()
		return
	}
	o.lead()
	n := o.encoder.Encode(o.encoded, heard)
	p.sendEncoded(o.encoded[:n], sound)
}

// lead makes our own encoder the one that makes the stream.
func (o *sender) lead() {
	if c, ok := o.encoder.(codec.Continuer); ok && o.leader != nil {
		c.Continue(o.leader.after(o.followed))
	}
	o.leader, o.started = nil, true
}

// restFrames is how much silence brings a peer's decoder back to where it began,
// whatever it heard before.
const restFrames = 10

// mayFollow tells whether a shared encoder may make the next frame: where codes
// stand by themselves, or the stream is that encoder's already, or has just begun,
// or rests.
func (o *sender) mayFollow(f *commonForm) bool {
	return f.before == nil || o.leader == f || !o.started && o.leader == nil || o.rest >= restFrames
}

// skipFrame lets 20 ms pass without audio.
func (o *sender) skipFrame() {
	o.drop()
	o.ts += o.units
	o.due += instant(frameTime)
}

// sendEncoded sends one encoded frame, in packets of the negotiated length.
func (p *Port) sendEncoded(frame []byte, sound bool) {
	o := &p.out
	if sound && o.silent {
		o.marker = true
	}
	o.silent = !sound
	if o.rest++; sound {
		o.rest = 0
	}
	o.due += instant(frameTime)
	if len(o.pending) == 0 && len(frame) == o.size {
		p.send(frame, p.params.PayloadType, o.ts, o.marker)
		o.marker = false
		o.ts += o.units
		return
	}
	o.pending = append(o.pending, frame...)
	step := uint32(o.size) * o.units / uint32(len(o.encoded))
	for len(o.pending) >= o.size {
		p.send(o.pending[:o.size], p.params.PayloadType, o.ts, o.marker)
		o.marker = false
		o.ts += step
		o.pending = append(o.pending[:0], o.pending[o.size:]...)
	}
}

// send puts one packet on the wire with the next sequence number.
func (p *Port) send(payload []byte, payloadType uint8, ts uint32, marker bool) {
	to := p.in.latch.destination()
	if to.Port() == 0 {
		return
	}
	o := &p.out
	b := p.shard.scratch.packet[:headerSize+len(payload)]
	b[0] = 2 << 6
	b[1] = payloadType
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], o.seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], o.ssrc)
	copy(b[headerSize:], payload)
	o.seq++
	p.write(b, len(payload), ts)
}

// write sends a packet whose header is done and counts it.
func (p *Port) write(packet []byte, payload int, ts uint32) {
	o := &p.out
	if err := p.rtp.WriteTo(packet, p.in.latch.destination()); err != nil {
		p.gauges.unsent.add(1)
		return
	}
	o.packets++
	o.octets += uint32(payload)
	o.lastTS, o.lastAt = ts, p.shard.now()
	p.gauges.sent.add(1)
	p.gauges.sentBytes.add(int64(payload))
}
