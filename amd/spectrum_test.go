package amd

import (
	"math"
	"testing"
)

func sineWindow(hz, amplitude float64) (x [windowSize]float32) {
	for i := range x {
		x[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/rate+0.3))
	}
	return x
}

func TestSpectrumFindsALine(t *testing.T) {
	for _, hz := range []float64{350, 440, 1004.2, 1111, 1750, 2499.9} {
		var s spectrum
		x := sineWindow(hz, 0.5)
		s.transform(&x)
		l := s.strongest(10, 84, line{})
		if math.Abs(float64(l.hz)-hz) > 1 {
			t.Errorf("%g Hz is found at %g", hz, l.hz)
		}
		if d := decibels(l.power) - decibels(0.125); math.Abs(float64(d)) > 0.2 {
			t.Errorf("%g Hz is %g dB off in level", hz, d)
		}
		if total := s.total(2, 120); l.power < 0.99*total {
			t.Errorf("%g Hz: %g of %g in the line", hz, l.power, total)
		}
	}
}

func BenchmarkSpectrum(b *testing.B) {
	var s spectrum
	x := sineWindow(1000, 0.5)
	for b.Loop() {
		s.transform(&x)
	}
}

func BenchmarkVoicing(b *testing.B) {
	var v voicing
	low := [lowSamples]float32{1, 2, 3, 4, 5}
	for b.Loop() {
		v.frame(&low)
	}
}

func BenchmarkFront(b *testing.B) {
	var f front
	pcm := make([]int16, frameSamples)
	for i := range pcm {
		pcm[i] = int16(i * 100)
	}
	for b.Loop() {
		f.write(pcm)
	}
}
