package amd

// The detector's inner loops, for every processor: what vector_amd64.s is held to.
// What each does is said where it is declared, in vector_amd64.go.

func plainFirstStages(re, im *[halfLen]float32, x, window *[windowSize]float32, places *[halfLen / 4]int64) {
	for r, place := range places { // the four inputs of four outputs are a quarter apart
		var z [4][2]float32
		for q, i := range [4]int{r, r + halfLen/2, r + halfLen/4, r + halfLen*3/4} {
			z[q] = [2]float32{x[2*i] * window[2*i], x[2*i+1] * window[2*i+1]}
		}
		a, b, c, d := z[0][0], z[1][0], z[2][0], z[3][0]
		e, f, g, h := z[0][1], z[1][1], z[2][1], z[3][1]
		i := int(place / 4)
		re[i], re[i+1], re[i+2], re[i+3] = a+b+c+d, a-b+g-h, a+b-c-d, a-b-g+h
		im[i], im[i+1], im[i+2], im[i+3] = e+f+g+h, e-f-c+d, e+f-g-h, e-f+c-d
	}
}

func plainQuarterStages(re, im *[halfLen]float32, size int64) {
	const last = halfLen - 1 // masks spare the bounds checks
	for j := range int(size) {
		turn := windowSize / 4 / int(size) * j
		c1, w1 := cosines[2*turn&(windowSize-1)], sines[2*turn&(windowSize-1)]
		c2, w2 := cosines[turn&(windowSize-1)], sines[turn&(windowSize-1)]
		c3, w3 := cosines[3*turn&(windowSize-1)], sines[3*turn&(windowSize-1)]
		for at := j; at < halfLen; at += 4 * int(size) {
			i0, i1, i2, i3 := at&last, (at+int(size))&last, (at+2*int(size))&last, (at+3*int(size))&last
			br, bi := re[i1]*c1-im[i1]*w1, re[i1]*w1+im[i1]*c1
			cr, ci := re[i2]*c2-im[i2]*w2, re[i2]*w2+im[i2]*c2
			dr, di := re[i3]*c3-im[i3]*w3, re[i3]*w3+im[i3]*c3
			pr, pi, mr, mi := re[i0]+br, im[i0]+bi, re[i0]-br, im[i0]-bi
			er, ei, or, oi := cr+dr, ci+di, ci-di, dr-cr
			re[i0], im[i0], re[i2], im[i2] = pr+er, pi+ei, pr-er, pi-ei
			re[i1], im[i1], re[i3], im[i3] = mr+or, mi+oi, mr-or, mi-oi
		}
	}
}

func plainLastStage(re, im *[halfLen]float32) {
	for j := range halfLen / 2 {
		k := j + halfLen/2
		c, w := cosines[2*j], sines[2*j]
		tr, ti := re[k]*c-im[k]*w, re[k]*w+im[k]*c
		re[k], im[k] = re[j]-tr, im[j]-ti
		re[j], im[j] = re[j]+tr, im[j]+ti
	}
}

func plainPowers(power, re, im *[halfLen]float32) {
	// Power 1 of x's mean square over the window's own power.
	const scale = 2.0 / (windowSize * windowSize * 0.375)
	power[0] = 0
	for k := 1; k <= halfLen/2; k++ { // the bins k and m share their halves
		m := halfLen - k
		er, ei := (re[k]+re[m])/2, (im[k]-im[m])/2
		or, oi := (im[k]+im[m])/2, (re[m]-re[k])/2
		c, w := cosines[k], sines[k]
		pr, pi := c*or-w*oi, c*oi+w*or
		r, i := er+pr, ei+pi
		power[k] = (r*r + i*i) * scale
		r, i = er-pr, ei-pi
		power[m] = (r*r + i*i) * scale
	}
}

func plainProducts(sums *[lags]float32, x *[lagMax + lowSamples]float32) {
	y := x[lagMax:]
	for i := range sums {
		var sum float32
		for k, w := range x[i : i+lowSamples] {
			sum += y[k] * w
		}
		sums[i] = sum
	}
}

func plainLowBand(low *[lowSamples]float32, x *[lowTaps - decimation + frameSamples]float32, taps *[lowTaps]float32) {
	for i := range low {
		var four [4]float32
		for k, h := range taps {
			four[k%4] += h * max(x[i*decimation+k], 0)
		}
		low[i] = (four[0] + four[2]) + (four[1] + four[3])
	}
}

func plainFollow(floor, now *[noiseBins]float32) {
	for k, p := range now {
		f := floor[k]
		if p < f {
			f += (p - f) * noiseFall
		} else {
			f *= noiseRise
		}
		floor[k] = f
	}
}
