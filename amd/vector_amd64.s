//go:build !purego

#include "textflag.h"

// Each routine takes four places of the plain one at a time; comments name its
// variables. Arrays have the lengths that their Go declarations say, and how often
// a loop runs is counted from these: halfLen 128, windowSize 256, lowSamples 40,
// lags 28, lagMax 32, noiseBins 116. Nothing is read beyond them.

// Half of four floats.
DATA halves<>+0(SB)/8, $0x3f0000003f000000
DATA halves<>+8(SB)/8, $0x3f0000003f000000
GLOBL halves<>(SB), RODATA|NOPTR, $16

// The spectrum's scale, 2 / (256 * 256 * 0.375).
DATA scales<>+0(SB)/8, $0x38aaaaab38aaaaab
DATA scales<>+8(SB)/8, $0x38aaaaab38aaaaab
GLOBL scales<>(SB), RODATA|NOPTR, $16

// How fast noise falls and rises: noiseFall and noiseRise.
DATA falls<>+0(SB)/8, $0x3e8000003e800000
DATA falls<>+8(SB)/8, $0x3e8000003e800000
GLOBL falls<>(SB), RODATA|NOPTR, $16

DATA rises<>+0(SB)/8, $0x3f828f5c3f828f5c
DATA rises<>+8(SB)/8, $0x3f828f5c3f828f5c
GLOBL rises<>(SB), RODATA|NOPTR, $16

// PAIRS loads four complex samples, windows them and takes them apart.
#define PAIRS(at, re, im) \
	MOVUPS at(SI), re; \
	MOVUPS at(DI), X12; \
	MULPS X12, re; \
	MOVUPS (at+16)(SI), X8; \
	MOVUPS (at+16)(DI), X12; \
	MULPS X12, X8; \
	MOVAPS re, im; \
	SHUFPS $0x88, X8, re; \
	SHUFPS $0xDD, X8, im

// SCATTER turns four rows into columns and stores them at four places.
#define SCATTER(a, b, c, d, t, base) \
	MOVAPS a, t; \
	UNPCKLPS b, a; \
	UNPCKHPS b, t; \
	MOVAPS c, b; \
	UNPCKLPS d, c; \
	UNPCKHPS d, b; \
	MOVAPS a, d; \
	MOVLHPS c, d; \
	MOVHLPS a, c; \
	MOVAPS t, a; \
	MOVLHPS b, a; \
	MOVHLPS t, b; \
	MOVUPS d, (base)(R10*1); \
	MOVUPS c, (base)(R11*1); \
	MOVUPS a, (base)(R12*1); \
	MOVUPS b, (base)(R13*1)

// func firstStages(re, im *[halfLen]float32, x, window *[windowSize]float32, places *[halfLen / 4]int64)
TEXT ·firstStages(SB), NOSPLIT, $0-40
	MOVQ re+0(FP), AX
	MOVQ im+8(FP), BX
	MOVQ x+16(FP), SI
	MOVQ window+24(FP), DI
	MOVQ places+32(FP), DX
	MOVQ $8, CX

first:
	MOVQ 0(DX), R10
	MOVQ 8(DX), R11
	MOVQ 16(DX), R12
	MOVQ 24(DX), R13
	PAIRS(0, X0, X4)      // a, e
	PAIRS(512, X1, X5)    // b, f
	PAIRS(256, X2, X6)    // c, g
	PAIRS(768, X3, X7)    // d, h
	MOVAPS X0, X9
	ADDPS X1, X9          // a+b
	SUBPS X1, X0          // a-b
	MOVAPS X4, X11
	ADDPS X5, X11         // e+f
	SUBPS X5, X4          // e-f
	MOVAPS X9, X1
	ADDPS X2, X1
	ADDPS X3, X1          // re[i]
	SUBPS X2, X9
	SUBPS X3, X9          // re[i+2]
	MOVAPS X0, X8
	ADDPS X6, X8
	SUBPS X7, X8          // re[i+1]
	SUBPS X6, X0
	ADDPS X7, X0          // re[i+3]
	MOVAPS X11, X12
	ADDPS X6, X12
	ADDPS X7, X12         // im[i]
	SUBPS X6, X11
	SUBPS X7, X11         // im[i+2]
	MOVAPS X4, X13
	SUBPS X2, X13
	ADDPS X3, X13         // im[i+1]
	ADDPS X2, X4
	SUBPS X3, X4          // im[i+3]
	SCATTER(X1, X8, X9, X0, X14, AX)
	SCATTER(X12, X13, X11, X4, X14, BX)
	ADDQ $32, SI
	ADDQ $32, DI
	ADDQ $32, DX
	DECQ CX
	JNZ first
	RET

// TURN multiplies a complex number by the twiddle at a place, four cosines before
// four sines; the result is in re and two.
#define TURN(re, im, two, at) \
	MOVUPS at(DX), X12; \
	MOVUPS (at+16)(DX), X13; \
	MOVAPS re, two; \
	MOVAPS im, X14; \
	MULPS X12, re; \
	MULPS X13, X14; \
	SUBPS X14, re; \
	MULPS X13, two; \
	MULPS X12, im; \
	ADDPS im, two

// func quarterStages(re, im *[halfLen]float32, turns *float32, size int64)
TEXT ·quarterStages(SB), NOSPLIT, $0-32
	MOVQ re+0(FP), AX
	MOVQ im+8(FP), BX
	MOVQ size+24(FP), R8
	SHLQ $2, R8           // to i1 in bytes; R8*2: to i2
	LEAQ (R8)(R8*2), R9   // to i3
	LEAQ 512(AX), R10     // the end

block:
	MOVQ turns+16(FP), DX
	MOVQ R8, CX

four:
	MOVUPS (AX)(R8*1), X0
	MOVUPS (BX)(R8*1), X1
	TURN(X0, X1, X2, 0)   // br, bi
	MOVUPS (AX)(R8*2), X3
	MOVUPS (BX)(R8*2), X4
	TURN(X3, X4, X5, 32)  // cr, ci
	MOVUPS (AX)(R9*1), X6
	MOVUPS (BX)(R9*1), X7
	TURN(X6, X7, X8, 64)  // dr, di
	MOVUPS (AX), X1
	MOVUPS (BX), X4
	MOVAPS X1, X7
	ADDPS X0, X1          // pr
	SUBPS X0, X7          // mr
	MOVAPS X4, X9
	ADDPS X2, X4          // pi
	SUBPS X2, X9          // mi
	MOVAPS X3, X10
	ADDPS X6, X10         // er
	SUBPS X3, X6          // oi
	MOVAPS X5, X11
	ADDPS X8, X11         // ei
	SUBPS X8, X5          // or
	MOVAPS X1, X12
	ADDPS X10, X1
	SUBPS X10, X12
	MOVAPS X4, X13
	ADDPS X11, X4
	SUBPS X11, X13
	MOVUPS X1, (AX)
	MOVUPS X4, (BX)
	MOVUPS X12, (AX)(R8*2)
	MOVUPS X13, (BX)(R8*2)
	MOVAPS X7, X12
	ADDPS X5, X7
	SUBPS X5, X12
	MOVAPS X9, X13
	ADDPS X6, X9
	SUBPS X6, X13
	MOVUPS X7, (AX)(R8*1)
	MOVUPS X9, (BX)(R8*1)
	MOVUPS X12, (AX)(R9*1)
	MOVUPS X13, (BX)(R9*1)
	ADDQ $16, AX
	ADDQ $16, BX
	ADDQ $96, DX
	SUBQ $16, CX
	JNZ four
	ADDQ R9, AX
	ADDQ R9, BX
	CMPQ AX, R10
	JLT block
	RET

// func lastStage(re, im *[halfLen]float32, turns *[halfLen]float32)
TEXT ·lastStage(SB), NOSPLIT, $0-24
	MOVQ re+0(FP), AX
	MOVQ im+8(FP), BX
	MOVQ turns+16(FP), DX
	MOVQ $16, CX

last:
	MOVUPS 256(AX), X0    // of k = j + 64
	MOVUPS 256(BX), X1
	TURN(X0, X1, X2, 0)   // tr, ti
	MOVUPS (AX), X3
	MOVUPS (BX), X4
	MOVAPS X3, X5
	MOVAPS X4, X6
	SUBPS X0, X5
	SUBPS X2, X6
	ADDPS X0, X3
	ADDPS X2, X4
	MOVUPS X5, 256(AX)
	MOVUPS X6, 256(BX)
	MOVUPS X3, (AX)
	MOVUPS X4, (BX)
	ADDQ $16, AX
	ADDQ $16, BX
	ADDQ $32, DX
	DECQ CX
	JNZ last
	RET

// func powers(power, re, im *[halfLen]float32, turns *[halfLen]float32)
TEXT ·powers(SB), NOSPLIT, $0-32
	MOVQ power+0(FP), DI
	MOVQ re+8(FP), AX
	MOVQ im+16(FP), BX
	MOVQ turns+24(FP), DX
	MOVUPS halves<>(SB), X14
	MOVL $0, (DI)
	MOVQ $4, R8           // bytes to k
	MOVQ $496, R9         // bytes to m = 128 - k, three before
	MOVQ $16, CX

four:
	MOVUPS (AX)(R8*1), X0 // of k
	MOVUPS (BX)(R8*1), X1
	MOVUPS (AX)(R9*1), X2 // of m
	MOVUPS (BX)(R9*1), X3
	SHUFPS $0x1B, X2, X2
	SHUFPS $0x1B, X3, X3
	MOVAPS X0, X4
	ADDPS X2, X4          // er
	SUBPS X0, X2          // oi
	MOVAPS X1, X5
	SUBPS X3, X5          // ei
	ADDPS X3, X1          // or
	MULPS X14, X4
	MULPS X14, X2
	MULPS X14, X5
	MULPS X14, X1
	MOVUPS (DX), X6       // c
	MOVUPS 16(DX), X7     // w
	MOVAPS X1, X8
	MOVAPS X2, X9
	MULPS X6, X8
	MULPS X7, X9
	SUBPS X9, X8          // pr
	MULPS X6, X2
	MULPS X7, X1
	ADDPS X1, X2          // pi
	MOVAPS X4, X10
	MOVAPS X5, X11
	ADDPS X8, X4
	ADDPS X2, X5
	SUBPS X8, X10
	SUBPS X2, X11
	MULPS X4, X4
	MULPS X5, X5
	ADDPS X5, X4
	MULPS X10, X10
	MULPS X11, X11
	ADDPS X11, X10
	MOVUPS scales<>(SB), X12
	MULPS X12, X4
	MULPS X12, X10
	SHUFPS $0x1B, X10, X10
	MOVUPS X4, (DI)(R8*1)
	MOVUPS X10, (DI)(R9*1)
	ADDQ $16, R8
	SUBQ $16, R9
	ADDQ $32, DX
	DECQ CX
	JNZ four
	RET

// LAG adds the products of one sample, in all places of X7, with those that lie
// four neighbouring lags before it.
#define LAG(at, sum) \
	MOVUPS at(DI), X8; \
	MULPS X7, X8; \
	ADDPS X8, sum

// func products(sums *[lags]float32, x *[lagMax + lowSamples]float32)
TEXT ·products(SB), NOSPLIT, $0-16
	MOVQ sums+0(FP), AX
	MOVQ x+8(FP), DI
	LEAQ 128(DI), SI      // the frame, lagMax samples on
	MOVQ $40, CX
	XORPS X0, X0
	XORPS X1, X1
	XORPS X2, X2
	XORPS X3, X3
	XORPS X4, X4
	XORPS X5, X5
	XORPS X6, X6

sample:
	MOVSS (SI), X7
	SHUFPS $0, X7, X7
	LAG(0, X0)
	LAG(16, X1)
	LAG(32, X2)
	LAG(48, X3)
	LAG(64, X4)
	LAG(80, X5)
	LAG(96, X6)
	ADDQ $4, SI
	ADDQ $4, DI
	DECQ CX
	JNZ sample
	MOVUPS X0, 0(AX)
	MOVUPS X1, 16(AX)
	MOVUPS X2, 32(AX)
	MOVUPS X3, 48(AX)
	MOVUPS X4, 64(AX)
	MOVUPS X5, 80(AX)
	MOVUPS X6, 96(AX)
	RET

// func lowBand(low *[lowSamples]float32, x *[lowTaps - decimation + frameSamples]float32, taps *[lowTaps]float32)
//
// X8 to X11 hold the taps, X4 to X7 the rectified samples under them, which move
// on by four an output. Products add up as plainLowBand's four sums.
TEXT ·lowBand(SB), NOSPLIT, $0-24
	MOVQ low+0(FP), AX
	MOVQ x+8(FP), SI
	MOVQ taps+16(FP), DX
	MOVUPS 0(DX), X8
	MOVUPS 16(DX), X9
	MOVUPS 32(DX), X10
	MOVUPS 48(DX), X11
	XORPS X15, X15
	MOVUPS 0(SI), X4
	MOVUPS 16(SI), X5
	MOVUPS 32(SI), X6
	MAXPS X15, X4
	MAXPS X15, X5
	MAXPS X15, X6
	MOVQ $40, CX

output:
	MOVUPS 48(SI), X7
	MAXPS X15, X7
	MOVAPS X8, X0
	MULPS X4, X0
	MOVAPS X9, X1
	MULPS X5, X1
	ADDPS X1, X0
	MOVAPS X10, X1
	MULPS X6, X1
	ADDPS X1, X0
	MOVAPS X11, X1
	MULPS X7, X1
	ADDPS X1, X0
	MOVHLPS X0, X1
	ADDPS X1, X0
	MOVAPS X0, X1
	SHUFPS $1, X1, X1
	ADDSS X1, X0
	MOVSS X0, (AX)
	MOVAPS X5, X4
	MOVAPS X6, X5
	MOVAPS X7, X6
	ADDQ $16, SI
	ADDQ $4, AX
	DECQ CX
	JNZ output
	RET

// func follow(floor, now *[noiseBins]float32)
TEXT ·follow(SB), NOSPLIT, $0-16
	MOVQ floor+0(FP), AX
	MOVQ now+8(FP), BX
	MOVUPS falls<>(SB), X6
	MOVUPS rises<>(SB), X7
	MOVQ $29, CX

bin:
	MOVUPS (AX), X0
	MOVUPS (BX), X1
	MOVAPS X1, X2
	CMPPS X0, X2, $1      // all ones where p < f
	SUBPS X0, X1
	MULPS X6, X1
	ADDPS X0, X1          // fallen
	MULPS X7, X0          // risen
	ANDPS X2, X1
	ANDNPS X0, X2
	ORPS X1, X2
	MOVUPS X2, (AX)
	ADDQ $16, AX
	ADDQ $16, BX
	DECQ CX
	JNZ bin
	RET
