//go:build !amd64 || purego

package amd

func firstStages(re, im *[halfLen]float32, x, window *[windowSize]float32, places *[halfLen / 4]int64) {
	plainFirstStages(re, im, x, window, places)
}

func quarterStages(re, im *[halfLen]float32, turns *float32, size int64) {
	plainQuarterStages(re, im, size)
}

func lastStage(re, im, _ *[halfLen]float32) { plainLastStage(re, im) }

func powers(power, re, im, _ *[halfLen]float32) { plainPowers(power, re, im) }

func products(sums *[lags]float32, x *[lagMax + lowSamples]float32) { plainProducts(sums, x) }

func lowBand(low *[lowSamples]float32, x *[lowTaps - decimation + frameSamples]float32, taps *[lowTaps]float32) {
	plainLowBand(low, x, taps)
}

func follow(floor, now *[noiseBins]float32) { plainFollow(floor, now) }
