package mp3

import "math"

const (
	// attackGroup time slots, 6 ms at 16 kHz, make one value of the energy
	// that is searched for attacks.
	attackGroup  = 3
	attackGroups = slots / attackGroup
	// attackRatio is how far the energy rises above the mean of what came
	// before it in an attack, attackLeast where silence ends in one: full
	// scale is about 0.5 in each slot.
	attackRatio = 12
	attackLeast = 1e-6
	// shortWorth is how much dearer short blocks may be than a long one, for
	// that they keep the noise of an attack from sounding before it.
	shortWorth = 1.4
	// typicalValue is what quantised values are on average at the usual bit
	// rates.
	typicalValue = 1
)

// chooseBlock gives the middle granule its block type: short at attacks, and
// the windows that lead there and back (2.4.3.4). The decision falls a granule
// early, since the one before must already begin to change.
func (f *filterbank) chooseBlock() int {
	short := f.nextShort
	f.nextShort = f.attacks() && f.shortPays()
	switch afterShort := f.lastBlock == shortBlock; {
	case short, afterShort && f.nextShort:
		f.lastBlock = shortBlock
	case afterShort:
		f.lastBlock = stopBlock
	case f.nextShort:
		f.lastBlock = startBlock
	default:
		f.lastBlock = longBlock
	}
	return f.lastBlock
}

// attacks reports whether the energy jumps in the stretch that the newest
// granule's window looks at, where short windows can keep it apart.
func (f *filterbank) attacks() bool {
	copy(f.energy[:], f.energy[attackGroups:])
	for g := range attackGroups {
		var sum float32
		for slot := g * attackGroup; slot < (g+1)*attackGroup; slot++ {
			for _, v := range f.bands[2][slot] {
				sum += v * v
			}
		}
		f.energy[attackGroups+g] = sum
	}
	before := f.energy[0] + f.energy[1]
	for g := 2; g < 2*attackGroups-2; g++ {
		now := f.energy[g]
		if now > attackLeast && now*float32(g) > attackRatio*before {
			return true
		}
		before += now
	}
	return false
}

// shortPays compares what the newest granule would cost both ways.
func (f *filterbank) shortPays() bool {
	var long, short spectrum
	f.transform(&long.xr, 2, longBlock)
	f.transform(&short.xr, 2, shortBlock)
	long.prepare()
	short.prepare()
	var sum float32
	for _, p := range long.power {
		sum += p
	}
	scale := typicalValue * granule / sum
	return short.cost(scale) < shortWorth*long.cost(scale)
}

// cost estimates the bits that the lines take.
func (s *spectrum) cost(scale float32) (bits float64) {
	for i := 0; i < granule; i += 6 {
		product := float32(1) // of six values below 2^12
		for _, p := range s.power[i : i+6] {
			product *= 1 + p*scale
		}
		bits += math.Log2(float64(product))
	}
	return bits
}

// reorder puts the lines of short blocks, whose windows lie interleaved, into
// the order in which they are coded: band by band, window by window.
func reorder(xr *[granule]float32, bands *[14]int) {
	in := *xr
	at := 0
	for b := range 13 {
		for w := range 3 {
			for f := bands[b]; f < bands[b+1]; f++ {
				xr[at] = in[3*f+w]
				at++
			}
		}
	}
}
