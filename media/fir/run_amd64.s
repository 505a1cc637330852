//go:build !purego

#include "textflag.h"

// func runPair(dst, src, coef *int16, n, step, groups int, round int32, shift uint)
//
// X6 and X7 gather four partial sums of each filter, X8 holds the rounding, X9
// the shift. R9 goes through the samples in bytes; the taps lie twice as far. The
// last pair reads src up to (n-1)*step + 8*groups samples, which is what Run
// gives it. PMADDWL adds two products at a time, as the limit on the taps allows.
TEXT ·runPair(SB), NOSPLIT, $0-64
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ coef+16(FP), BX
	MOVQ n+24(FP), CX
	MOVQ step+32(FP), DX
	MOVQ groups+40(FP), R8
	MOVL round+48(FP), X8
	MOVQ shift+56(FP), X9
	PSHUFL $0, X8, X8
	SHLQ $1, DX
	SHLQ $4, R8

pair:
	PXOR X6, X6
	PXOR X7, X7
	XORQ R9, R9

taps:
	MOVOU (SI)(R9*1), X0
	MOVOU (BX)(R9*2), X1
	MOVOU 16(BX)(R9*2), X2
	PMADDWL X0, X1
	PMADDWL X0, X2
	PADDL X1, X6
	PADDL X2, X7
	ADDQ $16, R9
	CMPQ R9, R8
	JLT taps

	// Add the four partial sums of both filters, a0 b0 a1 b1 + a2 b2 a3 b3, then
	// the halves of that; round, shift, and hold to 16 bits.
	MOVO X6, X0
	PUNPCKLLQ X7, X0
	PUNPCKHLQ X7, X6
	PADDL X6, X0
	PSHUFL $0x4e, X0, X1
	PADDL X1, X0
	PADDL X8, X0
	PSRAL X9, X0
	PACKSSLW X0, X0
	MOVL X0, (DI)

	ADDQ DX, SI
	ADDQ $4, DI
	DECQ CX
	JNZ pair
	RET
