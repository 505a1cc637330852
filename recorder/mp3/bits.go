package mp3

// bitWriter appends bits, the most significant first. Its buffer grows to
// what a frame needs and is used again.
type bitWriter struct {
	buf  []byte
	acc  uint64
	held uint // bits in acc, fewer than 8 between calls
}

// put appends the low n bits of v, n at most 32.
func (w *bitWriter) put(v uint32, n uint) {
	w.acc = w.acc<<n | uint64(v)
	w.held += n
	for w.held >= 8 {
		w.held -= 8
		w.buf = append(w.buf, byte(w.acc>>w.held))
	}
}

func (w *bitWriter) flag(on bool) {
	if on {
		w.put(1, 1)
	} else {
		w.put(0, 1)
	}
}

// align fills the last byte with zeros.
func (w *bitWriter) align() {
	if w.held > 0 {
		w.put(0, 8-w.held)
	}
}

func (w *bitWriter) reset() { w.buf, w.acc, w.held = w.buf[:0], 0, 0 }
