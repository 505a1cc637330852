package mp3

import "math"

const (
	subbands = 32
	slots    = 18 // polyphase outputs of each subband in a granule
	granule  = subbands * slots
)

var (
	// windowC is the analysis window C of ISO 11172-3 table C.1.
	windowC [512]float32
	// cosEven and cosOdd are the polyphase matrix, cos((2i+1)mπ/64), split
	// by the parity of m: rows i and 31-i differ only in the sign of odd m.
	cosEven, cosOdd [16][16]float32
	// blockWindow are the windows of block types 0 to 3, table C.2.4.3.4.
	blockWindow [4][36]float32
	// cosLong and cosShort are the DCT-IV of 18 and 6 points with the scale
	// that makes the decoder's inverse exact.
	cosLong  [18][18]float32
	cosShort [6][6]float32
	// aliasS and aliasA are the butterflies of table B.9.
	aliasS, aliasA [8]float32
)

func init() {
	for i := range windowD {
		c := float32(windowD[i]) / (65536 * 32)
		windowC[i] = c
		if i > 0 && i%64 == 0 {
			windowC[512-i] = c
		} else if i > 0 {
			windowC[512-i] = -c
		}
	}
	for i := range 16 {
		for m := range 16 {
			cosEven[i][m] = float32(math.Cos(float64((2*i+1)*(2*m)) * math.Pi / 64))
			cosOdd[i][m] = float32(math.Cos(float64((2*i+1)*(2*m+1)) * math.Pi / 64))
		}
	}
	initWindows()
	for k := range 18 {
		for n := range 18 {
			cosLong[k][n] = float32(math.Cos(math.Pi/18*(float64(n)+.5)*(float64(k)+.5)) / 9)
		}
	}
	for k := range 6 {
		for n := range 6 {
			cosShort[k][n] = float32(math.Cos(math.Pi/6*(float64(n)+.5)*(float64(k)+.5)) / 3)
		}
	}
	for i, c := range [8]float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037} {
		aliasS[i] = float32(1 / math.Sqrt(1+c*c))
		aliasA[i] = float32(c / math.Sqrt(1+c*c))
	}
}

func initWindows() {
	long := func(i int) float32 { return float32(math.Sin(math.Pi / 36 * (float64(i) + .5))) }
	short := func(i int) float32 { return float32(math.Sin(math.Pi / 12 * (float64(i) + .5))) }
	for i := range 36 {
		blockWindow[longBlock][i] = long(i)
		start := float32(0)
		switch {
		case i < 18:
			start = long(i)
		case i < 24:
			start = 1
		case i < 30:
			start = short(i - 18)
		}
		blockWindow[startBlock][i] = start
		blockWindow[stopBlock][35-i] = start
		if i < 12 {
			blockWindow[shortBlock][i] = short(i)
		}
	}
}

// The block types of the side information's block_type.
const (
	longBlock = iota
	startBlock
	shortBlock
	stopBlock
)

// filterbank is the analysis of one channel: 576 samples in, the subband
// samples of one granule out.
type filterbank struct {
	// history holds the last 512 samples, newest first, at its front; the
	// window slides down through it so that it moves only once a granule.
	history [512 + granule]float32
	// bands are the subband samples by time slot of the granule before, of
	// this one, and of the one after it, frequency inverted.
	bands [3][slots][subbands]float32
	// energy over time of the last two granules.
	energy [2 * attackGroups]float32
	// lastBlock is the block type of the granule before, nextShort whether
	// the one after is to have short blocks.
	lastBlock int
	nextShort bool
}

// analyse runs 576 samples, every stride-th of pcm, through the polyphase
// filterbank (C.1.3) into the newest of the three granules.
func (f *filterbank) analyse(pcm []int16, stride int) {
	copy(f.history[granule:], f.history[:512])
	for i := range granule {
		f.history[granule-1-i] = float32(pcm[i*stride]) * (1.0 / 32768)
	}
	f.bands[0], f.bands[1] = f.bands[1], f.bands[2]
	for slot := range slots {
		out := &f.bands[2][slot]
		polyphase(out, (*[512]float32)(f.history[granule-32*(slot+1):]))
		if slot%2 == 1 {
			for b := 1; b < subbands; b += 2 {
				out[b] = -out[b]
			}
		}
	}
}

// polyphase computes one sample of each subband from 512 samples, newest
// first.
func polyphase(out *[subbands]float32, x *[512]float32) {
	var y [64]float32
	for i := range 64 {
		y[i] = windowC[i]*x[i] + windowC[i+64]*x[i+64] +
			windowC[i+128]*x[i+128] + windowC[i+192]*x[i+192] +
			windowC[i+256]*x[i+256] + windowC[i+320]*x[i+320] +
			windowC[i+384]*x[i+384] + windowC[i+448]*x[i+448]
	}
	// The cosines are even in m = k-16 and odd around m = 32, which folds 64
	// terms into 32.
	var even, odd [16]float32
	even[0] = y[16]
	for m := 1; m <= 16; m++ {
		v := y[16+m] + y[16-m]
		if m%2 == 0 && m < 32 {
			even[m/2] = v
		} else {
			odd[m/2] = v
		}
	}
	for m := 17; m < 32; m++ {
		v := y[16+m] - y[80-m]
		if m%2 == 0 {
			even[m/2] = v
		} else {
			odd[m/2] = v
		}
	}
	for i := range 16 {
		ce, co := &cosEven[i], &cosOdd[i]
		var a, b float32
		for m := range 16 {
			a += even[m] * ce[m]
			b += odd[m] * co[m]
		}
		out[i], out[31-i] = a+b, a-b
	}
}

// transform computes the 576 lines of a granule, 1 the middle one and 2 the
// newest, from it and the one before it (C.2.4.3.4), with the alias reduction
// of long blocks. Short blocks are left with the windows interleaved.
func (f *filterbank) transform(xr *[granule]float32, which, blockType int) {
	var z [36]float32
	for b := range subbands {
		for i := range slots {
			z[i] = f.bands[which-1][i][b]
			z[slots+i] = f.bands[which][i][b]
		}
		line := (*[slots]float32)(xr[b*slots:])
		if blockType == shortBlock {
			mdctShort(line, &z)
		} else {
			mdctLong(line, &z, &blockWindow[blockType])
		}
	}
	if blockType == shortBlock {
		return
	}
	for b := slots; b < granule; b += slots {
		for i := range 8 {
			up, down := xr[b-1-i], xr[b+i]
			xr[b-1-i] = up*aliasS[i] + down*aliasA[i]
			xr[b+i] = down*aliasS[i] - up*aliasA[i]
		}
	}
}

func mdctLong(out *[18]float32, z, window *[36]float32) {
	var u [18]float32
	for n := range 9 {
		u[n] = -z[26-n]*window[26-n] - z[27+n]*window[27+n]
		u[9+n] = z[n]*window[n] - z[17-n]*window[17-n]
	}
	for k := range out {
		c := &cosLong[k]
		var sum float32
		for n := range u {
			sum += u[n] * c[n]
		}
		out[k] = sum
	}
}

// mdctShort leaves the three windows' lines interleaved: line 3k+w is line k
// of window w.
func mdctShort(out *[18]float32, z *[36]float32) {
	window := &blockWindow[shortBlock]
	var u [6]float32
	for w := range 3 {
		s := z[6+6*w:]
		for n := range 3 {
			u[n] = -s[8-n]*window[8-n] - s[9+n]*window[9+n]
			u[3+n] = s[n]*window[n] - s[5-n]*window[5-n]
		}
		for k := range 6 {
			var sum float32
			for n := range u {
				sum += u[n] * cosShort[k][n]
			}
			out[3*k+w] = sum
		}
	}
}
