package recorder

// knee is where mix begins to bend: below it the sum is exact.
const knee = 24576

// mix adds two voices. Sums above the knee are bent towards full scale by a
// curve that never reaches it and has no corner, so that two loud voices do
// not clip.
func mix(dst, a, b []int16) {
	b = b[:len(a)]
	dst = dst[:len(a)]
	for i, v := range a {
		sum := int32(v) + int32(b[i])
		if sum > knee || sum < -knee {
			sum = bend(sum)
		}
		dst[i] = int16(sum)
	}
}

func bend(sum int32) int32 {
	const room = 32767 - knee
	if sum < 0 {
		return -bend(-sum)
	}
	over := sum - knee
	return knee + over*room/(over+room)
}
