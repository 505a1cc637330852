package media

// knee is where Limit starts to bend, -2.5 dB under full scale.
const knee = 24576

// bend holds Limit above the knee, for sums up to four times full scale.
var bend = func() (table [4*32768 - knee]int16) {
	const room = 32767 - knee
	for i := range table {
		// room*x/(room+x) has slope 1 at the knee and never reaches full scale.
		table[i] = int16(knee + room*i/(room+i))
	}
	return table
}()

// Limit brings a sum of samples into 16 bits: unchanged up to -2.5 dB of full
// scale, then along a curve without corners. It has no memory, so it cannot
// pump; it is meant for peaks, a steady excess is the mixer's gain to remove.
func Limit(v int32) int16 {
	switch {
	case v > knee:
		return bend[min(int(v)-knee, len(bend)-1)]
	case v < -knee:
		return -bend[min(-int(v)-knee, len(bend)-1)]
	}
	return int16(v)
}
