package wav

import "math"

// fromFloat converts an IEEE sample of full scale 1; what is no number is 0.
func fromFloat(bits uint32) int16 {
	v := float64(math.Float32frombits(bits)) * 32768
	switch {
	case v != v:
		return 0
	case v >= 32767:
		return 32767
	case v <= -32768:
		return -32768
	}
	return int16(math.Round(v))
}
