package bridge

import "offhook/media"

// The limiter keeps the level sane when many speak at once. Peaks bend in
// media.Limit, without memory; that is all that two voices ever get, be they at
// full scale. For more, what is left over one and a half of full scale turns the
// gain down, before the peak (the frame is known as a whole), and it comes back
// slowly, so that it does not pump.
const (
	ceiling = 49150
	unity   = 1 << 15 // gains are in Q15
	release = 1.004   // a frame; 6 dB in 3.5 s
)

// gain is the bridge's limiter, the same gain for all listeners.
type gain struct {
	from, to int32 // at the frame's start and end, unity-from: 0 is full
}

// follow sets the frame's gain by the peak of the whole sum of so many voices.
func (g *gain) follow(total []int32, voices int) {
	peak := int32(0)
	if voices > 2 {
		for _, v := range total {
			peak = max(peak, v, -v)
		}
	}
	now := unity - g.to
	g.from = g.to
	wanted := int32(unity)
	if peak > ceiling {
		wanted = int32(int64(unity) * ceiling / int64(peak))
	}
	if wanted >= now {
		wanted = min(wanted, max(now+1, int32(float64(now)*release)))
	}
	g.to = unity - wanted
}

// apply writes the sum with the frame's gain, moving to it in the first eighth.
func (g *gain) apply(dst []int16, sum []int32) {
	if g.from == 0 && g.to == 0 {
		for i, v := range sum {
			dst[i] = media.Limit(v)
		}
		return
	}
	from, to := int64(unity-g.from), int64(unity-g.to)
	ramp := int64(len(sum) / 8)
	for i, v := range sum {
		q := to
		if int64(i) < ramp {
			q = from + (to-from)*int64(i)/ramp
		}
		dst[i] = media.Limit(int32(int64(v) * q >> 15))
	}
}
