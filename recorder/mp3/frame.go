package mp3

// framer lays granules out in frames. Main data is a stream of its own that
// runs through the slots which headers and side information leave: a frame's
// main data may begin in the slots of frames before it, the bit reservoir.
type framer struct {
	*format
	main    bitWriter // main data that has no slot full yet
	started int       // bytes of main that older granules filled, at begin
	side    bitWriter // of the frame under way
	queue   []queued  // frames whose slot is not full yet, oldest first
	slots   int       // bytes of all queued slots
	out     []byte    // whole frames for the writer
	rest    int       // of the padding rule, 2.4.3.1
	frames  int64     // audio frames begun
	written int64     // bytes
	coded   [2][2]sideInfo
}

// queued is a frame that waits for its main data.
type queued struct {
	head [headerBytes + 32]byte
	n    int // bytes of head
	slot int
}

// sideInfo is what a granule's side information needs besides its coding.
type sideInfo struct {
	bits, gain, blockType int
	code                  coding
}

func (f *framer) init(format *format) {
	f.format = format
	f.queue = make([]queued, 0, 64)
	f.out = make([]byte, 0, 8192)
	f.main.buf = make([]byte, 0, 8192)
	f.side.buf = make([]byte, 0, 64)
}

// reservoir is what the slots of frames before still have free, in bytes.
func (f *framer) reservoir() int { return f.slots - len(f.main.buf) }

// begin opens the next frame's slot.
func (f *framer) begin() {
	reservoir := f.reservoir()
	f.side.reset()
	begin := uint(9)
	if f.lsf {
		begin = 8
	}
	f.side.put(uint32(reservoir), begin)
	padded := f.pad()
	head := f.header(padded)
	q := queued{n: headerBytes + f.sideBytes}
	copy(q.head[:], head[:])
	q.slot = f.format.frameBytes(padded) - q.n
	f.queue = append(f.queue, q)
	f.slots += q.slot
	f.started = len(f.main.buf)
	f.frames++
}

// pad spreads the bytes that the bit rate gives beyond whole frames.
func (f *framer) pad() bool {
	f.rest += f.frameSamples() / 8 * f.bitRate % f.sampleRate
	if f.rest >= f.sampleRate {
		f.rest -= f.sampleRate
		return true
	}
	return false
}

// budget is how many bits the next of the frame's last granules may take, and
// how many it must for the reservoir not to overflow.
func (f *framer) budget(granulesLeft int) (least, most int) {
	free := 8*(f.slots-len(f.main.buf)) - int(f.main.held)
	return max(0, free-8*f.maxReservoir()) / granulesLeft, free / granulesLeft
}

// add writes one granule and channel.
func (f *framer) add(gr, ch int, s *spectrum) {
	f.coded[gr][ch] = sideInfo{bits: s.code.bits, gain: s.gain, blockType: s.blockType, code: s.code}
	s.code.write(&f.main, &s.ix, &s.xr)
}

// end closes the frame: stuffing where the reservoir is over-full, side
// information, and out with all frames whose slots are full.
func (f *framer) end() {
	f.main.align()
	for f.reservoir() > f.maxReservoir() {
		f.main.put(0, 8)
	}
	f.writeSide()
	q := &f.queue[len(f.queue)-1]
	copy(q.head[headerBytes:q.n], f.side.buf)
	f.release()
}

// release moves queued frames whose slots are full to out.
func (f *framer) release() {
	main, n := f.main.buf, 0
	for n < len(f.queue) && len(main) >= f.queue[n].slot {
		q := &f.queue[n]
		f.out = append(f.out, q.head[:q.n]...)
		f.out = append(f.out, main[:q.slot]...)
		main = main[q.slot:]
		f.slots -= q.slot
		n++
	}
	f.queue = f.queue[:copy(f.queue, f.queue[n:])]
	f.main.buf = f.main.buf[:copy(f.main.buf, main)]
}

// drain fills the last slots with stuffing and releases them.
func (f *framer) drain() {
	for f.reservoir() > 0 {
		f.main.put(0, 8)
	}
	f.release()
}

func (f *framer) writeSide() {
	w := &f.side
	switch {
	case f.lsf:
		w.put(0, uint(f.channels)) // private_bits
	case f.channels == 1:
		w.put(0, 5+4) // and scfsi: no scale factors are shared
	default:
		w.put(0, 3+8)
	}
	for gr := range f.granules {
		for ch := range f.channels {
			f.coded[gr][ch].write(w, f.lsf)
		}
	}
}

// write appends the side information of one granule and channel (2.4.1.7).
func (s *sideInfo) write(w *bitWriter, lsf bool) {
	c := &s.code
	w.put(uint32(s.bits), 12)
	w.put(uint32(c.bigValues), 9)
	w.put(uint32(s.gain), 8)
	if lsf {
		w.put(0, 9) // scalefac_compress: no scale factors
	} else {
		w.put(0, 4)
	}
	w.flag(s.blockType != longBlock)
	if s.blockType != longBlock {
		w.put(uint32(s.blockType), 2)
		w.put(0, 1) // mixed_block_flag
		w.put(uint32(c.tables[0]), 5)
		w.put(uint32(c.tables[1]), 5)
		w.put(0, 9) // subblock_gain
	} else {
		for _, t := range c.tables {
			w.put(uint32(t), 5)
		}
		w.put(uint32(c.region0), 4)
		w.put(uint32(c.region1), 3)
	}
	if !lsf {
		w.put(0, 1) // preflag
	}
	w.put(0, 1) // scalefac_scale
	w.flag(c.quadTableB)
}

// sizeOf is the length of the Info frame and the first n audio frames.
func (f *framer) sizeOf(n int64) int64 {
	rate := int64(f.sampleRate)
	return int64(f.format.frameBytes(false)) + n*int64(f.format.frameBytes(false)) +
		n*(int64(f.frameSamples()/8*f.bitRate)%rate)/rate
}

// wholeFrames is how many audio frames were written to their end.
func (f *framer) wholeFrames() int64 {
	n := (f.written - int64(f.format.frameBytes(false))) / int64(f.format.frameBytes(false))
	for n > 0 && f.sizeOf(n) > f.written {
		n--
	}
	return max(n, 0)
}
