//go:build !purego

#include "textflag.h"

// Constants of eight words; the lower band's word comes before the upper's.

DATA ones<>+0(SB)/8, $0x0001000100010001
DATA ones<>+8(SB)/8, $0x0001000100010001
GLOBL ones<>(SB), RODATA|NOPTR, $16

DATA minus1<>+0(SB)/8, $0xffffffffffffffff
DATA minus1<>+8(SB)/8, $0xffffffffffffffff
GLOBL minus1<>(SB), RODATA|NOPTR, $16

// The first two words.
DATA pair<>+0(SB)/8, $0x00000000ffffffff
DATA pair<>+8(SB)/8, $0
GLOBL pair<>(SB), RODATA|NOPTR, $16

// The first word of each two.
DATA lower<>+0(SB)/8, $0x0000ffff0000ffff
DATA lower<>+8(SB)/8, $0x0000ffff0000ffff
GLOBL lower<>(SB), RODATA|NOPTR, $16

// The second word of each two.
DATA upper<>+0(SB)/8, $0xffff0000ffff0000
DATA upper<>+8(SB)/8, $0xffff0000ffff0000
GLOBL upper<>(SB), RODATA|NOPTR, $16

// Leaks: x + (x*-256 >> 16) is x*255/256 and x + (x*-512 >> 16) is x*127/128,
// rounded down.
DATA leakZero<>+0(SB)/8, $0xff00ff00ff00ff00
DATA leakZero<>+8(SB)/8, $0xff00ff00ff00ff00
GLOBL leakZero<>(SB), RODATA|NOPTR, $16

DATA leakPole<>+0(SB)/8, $0xfe00fe00ff00ff00
DATA leakPole<>+8(SB)/8, $0
GLOBL leakPole<>(SB), RODATA|NOPTR, $16

DATA leakScale<>+0(SB)/8, $0x00000000fe00fe00
DATA leakScale<>+8(SB)/8, $0
GLOBL leakScale<>(SB), RODATA|NOPTR, $16

// Steps of the coefficients: 128 of the six of a zero section; -192 and -128 of
// the poles, turned round where signs are alike.
DATA stepZero<>+0(SB)/8, $0x0080008000800080
DATA stepZero<>+8(SB)/8, $0x0000000000800080
GLOBL stepZero<>(SB), RODATA|NOPTR, $16

DATA stepPole<>+0(SB)/8, $0xff80ff80ff40ff40
DATA stepPole<>+8(SB)/8, $0
GLOBL stepPole<>(SB), RODATA|NOPTR, $16

// Limits: a2 within 12288, a1 within 15360-a2, nb up to 18432 and 22528, the
// sub-bands' sound within 14 bits and a sign.
DATA mostPole<>+0(SB)/8, $0x300030007fff7fff
DATA mostPole<>+8(SB)/8, $0
GLOBL mostPole<>(SB), RODATA|NOPTR, $16

DATA leastPole<>+0(SB)/8, $0xd000d00080008000
DATA leastPole<>+8(SB)/8, $0
GLOBL leastPole<>(SB), RODATA|NOPTR, $16

DATA roomPole<>+0(SB)/8, $0x3c003c003c003c00
DATA roomPole<>+8(SB)/8, $0x3c003c003c003c00
GLOBL roomPole<>(SB), RODATA|NOPTR, $16

DATA mostScale<>+0(SB)/8, $0x0000000058004800
DATA mostScale<>+8(SB)/8, $0
GLOBL mostScale<>(SB), RODATA|NOPTR, $16

DATA mostSound<>+0(SB)/8, $0x3fff3fff3fff3fff
DATA mostSound<>+8(SB)/8, $0x3fff3fff3fff3fff
GLOBL mostSound<>(SB), RODATA|NOPTR, $16

DATA leastSound<>+0(SB)/8, $0xc000c000c000c000
DATA leastSound<>+8(SB)/8, $0xc000c000c000c000
GLOBL leastSound<>(SB), RODATA|NOPTR, $16

// The upper band's one decision level, eightfold.
DATA level2<>+0(SB)/8, $0x0000000011a00000
DATA level2<>+8(SB)/8, $0
GLOBL level2<>(SB), RODATA|NOPTR, $16

// Both loops are what g722_plain.go and g722_band.go say, word by word: saturate
// is PADDSW and its like; x*y>>15 is the middle of a product of 32 bits, twice the
// upper half and the lower one's top bit, or the upper half alone where a table or
// a constant holds the double already. No such product leaves 16 bits: steps are
// at most 16384, so doubled differences are within 20456, and poles within 27648.
//
// They read and write n codes and 2n samples, one step at a time; tables are read
// at a code, at nb/64, which SCALE keeps within its limits, and at the 32 decision
// levels.
//
// The registers of both loops:
//
//	X5   minus twice the quantizers' steps, and zeros
//	X6   diff[1]   X7   diff[0]
//	X8   zero[1]   X9   zero[0]
//	X10  nb        X11  sz        X12  s
//	X13  full      X14  part      X15  pole
//	R10  g722Adapt or g722AdaptAt
//	R12  g722Steps[0]   R13  g722Steps[1]
//
// Of X10 to X14 only the words that the state has are meaningful; the upper half
// of X15 is zero.

#define LOAD(state) \
	MOVOU 0(state), X9; \
	MOVOU 16(state), X8; \
	MOVOU 32(state), X7; \
	MOVOU 48(state), X6; \
	MOVQ 64(state), X15; \
	MOVQ 72(state), X14; \
	MOVQ 80(state), X13; \
	MOVL 88(state), X12; \
	MOVL 92(state), X11; \
	MOVL 96(state), X10; \
	LEAQ ·g722Steps(SB), R12; \
	LEAQ 706(R12), R13 /* two bytes for each of nbHMax/64 + 1 */

#define STORE(state) \
	MOVOU X9, 0(state); \
	MOVOU X8, 16(state); \
	MOVOU X7, 32(state); \
	MOVOU X6, 48(state); \
	MOVQ X15, 64(state); \
	MOVQ X14, 72(state); \
	MOVQ X13, 80(state); \
	MOVL X12, 88(state); \
	MOVL X11, 92(state); \
	MOVL X10, 96(state)

// STEPS looks the quantizers' steps up: band.step of both bands.
#define STEPS \
	MOVO X10, X1; \
	PSRLW $6, X1; \
	MOVL X1, AX; \
	MOVWLZX AX, DX; \
	SHRL $16, AX; \
	MOVWLZX (R12)(DX*2), DX; \
	MOVWLZX (R13)(AX*2), AX; \
	SHLL $16, AX; \
	ORL DX, AX; \
	MOVL AX, X5

// SCALE adapts the quantizers to the multipliers in X1: band.scale. The leak, the
// multiplier, the limits 0 and most, then the new steps.
#define SCALE \
	MOVO X10, X2; \
	PMULHW leakScale<>(SB), X2; \
	PADDW X2, X10; \
	PADDW X1, X10; \
	PXOR X2, X2; \
	PMAXSW X2, X10; \
	PMINSW mostScale<>(SB), X10; \
	STEPS

// POLES adapts the pole sections to the differences in X0 and leaves the pole
// sections' part of the next estimates in X12: band.poles, and the lines around it
// in band.update. X3 is all ones where the signs of two partially reconstructed
// signals are alike, so that (x ^ X3) - X3 turns x round there. In order:
//
//	X1 the new part (p), X2 the new full (r), X3 the signs alike, X14 moved on;
//	X4 a1*4, turned round, / 128, from the words of a1 to those of a2;
//	X15 leaked, with X4 for a2, then with the steps;
//	X15 limited, a2 by itself and then a1 to within 15360-a2: X1 is that limit
//	(15360 for a2, which changes nothing any more), X4 is -X1;
//	X13 moved on; X12 the middles of a1*full[0] and a2*full[1], and their sum.
#define POLES \
	MOVO X11, X1; \
	PADDSW X0, X1; \
	MOVO X12, X2; \
	PADDSW X0, X2; \
	PADDSW X2, X2; \
	PSHUFL $0, X1, X3; \
	PXOR X14, X3; \
	PCMPGTW minus1<>(SB), X3; \
	PUNPCKLLQ X14, X1; \
	MOVO X1, X14; \
	MOVO X15, X4; \
	PADDSW X4, X4; \
	PADDSW X4, X4; \
	PXOR X3, X4; \
	PSUBSW X3, X4; \
	PSRAW $7, X4; \
	PSLLQ $32, X4; \
	MOVO X15, X1; \
	PMULHW leakPole<>(SB), X1; \
	PADDW X1, X15; \
	PADDW X4, X15; \
	MOVO stepPole<>(SB), X1; \
	PXOR X3, X1; \
	PSUBW X3, X1; \
	PADDW X1, X15; \
	PMINSW mostPole<>(SB), X15; \
	PMAXSW leastPole<>(SB), X15; \
	MOVO X15, X3; \
	PSRLQ $32, X3; \
	MOVO roomPole<>(SB), X1; \
	PSUBW X3, X1; \
	PXOR X4, X4; \
	PSUBW X1, X4; \
	PMINSW X1, X15; \
	PMAXSW X4, X15; \
	PUNPCKLLQ X13, X2; \
	MOVO X2, X13; \
	MOVO X2, X12; \
	PMULHW X15, X12; \
	PMULLW X15, X2; \
	PADDW X12, X12; \
	PSRLW $15, X2; \
	POR X2, X12; \
	MOVO X12, X2; \
	PSRLQ $32, X2; \
	PADDSW X2, X12

// ZEROS adapts one zero section to the difference d in all words of x, whose
// double goes to the front of diff from the first word of twice; the sums of the
// section's products are left in x. t is lost. This is band.zeros, all six (and
// two more that stay 0) at once: t is the step, 0 where d is, turned round where d
// and an older difference have other signs; the coefficients leak and take it; diff
// moves on; x is the middles of coefficients times differences, added up in pairs.
#define ZEROS(zero, diff, twice, x, t) \
	PXOR t, t; \
	PCMPEQW x, t; \
	PANDN stepZero<>(SB), t; \
	PXOR diff, x; \
	PSRAW $15, x; \
	PXOR x, t; \
	PSUBW x, t; \
	MOVO zero, x; \
	PMULHW leakZero<>(SB), x; \
	PADDW x, zero; \
	PADDW t, zero; \
	PSLLO $2, diff; \
	POR twice, diff; \
	MOVO zero, x; \
	PMULHW diff, x; \
	MOVO zero, t; \
	PMULLW diff, t; \
	PADDW x, x; \
	PSRLW $15, t; \
	POR t, x; \
	PMADDWL ones<>(SB), x

// PREDICT adapts both predictors to the differences in X0, which has zeros after
// them, and estimates the next samples: band.update. The lower band's difference
// goes to all words of X1, the upper's to all of X2, their doubles to the first
// words of X3 and X0; the four sums of each zero section are added up crosswise,
// saturated, and added to what POLES has left.
#define PREDICT \
	POLES; \
	PSHUFLW $0x00, X0, X1; \
	PSHUFL $0, X1, X1; \
	PSHUFLW $0x55, X0, X2; \
	PSHUFL $0, X2, X2; \
	PADDSW X0, X0; \
	MOVO X0, X3; \
	PAND lower<>(SB), X3; \
	PSRLL $16, X0; \
	ZEROS(X9, X7, X3, X1, X4); \
	ZEROS(X8, X6, X0, X2, X4); \
	MOVO X1, X3; \
	PUNPCKLLQ X2, X1; \
	PUNPCKHLQ X2, X3; \
	PADDL X3, X1; \
	PSHUFL $0x4e, X1, X3; \
	PADDL X3, X1; \
	PACKSSLW X1, X1; \
	MOVO X1, X11; \
	PADDSW X1, X12

// func decodeSubbands(state *subbands, pairs *int16, src *byte, n int)
TEXT ·decodeSubbands(SB), NOSPLIT, $0-32
	MOVQ state+0(FP), R8
	MOVQ pairs+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
	LOAD(R8)
	LEAQ ·g722Adapt(SB), R10
	STEPS

decode:
	MOVBLZX (SI), AX
	SHLL $4, AX
	MOVOU (R10)(AX*1), X0
	MOVO X0, X1
	PSRLO $8, X1
	PSHUFL $0, X5, X5
	PMULHW X5, X0

	// The sound of both bands, within its limits; then lower + upper and
	// lower - upper.
	PSHUFL $0x01, X0, X2
	PADDSW X12, X2
	PMINSW mostSound<>(SB), X2
	PMAXSW leastSound<>(SB), X2
	PSHUFLW $0x55, X2, X3
	PSHUFLW $0x00, X2, X2
	PXOR upper<>(SB), X3
	PSUBW upper<>(SB), X3
	PADDW X3, X2
	MOVL X2, (DI)

	PAND pair<>(SB), X0
	SCALE
	PREDICT
	INCQ SI
	ADDQ $4, DI
	DECQ CX
	JNZ decode
	STORE(R8)
	RET

// func encodeSubbands(state *subbands, dst *byte, pairs *int16, n int)
TEXT ·encodeSubbands(SB), NOSPLIT, $0-32
	MOVQ state+0(FP), R8
	MOVQ dst+8(FP), DI
	MOVQ pairs+16(FP), SI
	MOVQ n+24(FP), CX
	LOAD(R8)
	LEAQ ·g722Levels(SB), R9
	LEAQ ·g722Codes(SB), R11
	LEAQ ·g722AdaptAt(SB), R10
	STEPS

encode:
	// The differences from the estimates, their signs in AX, and in X0 how
	// large they are.
	MOVL (SI), X0
	PSUBSW X12, X0
	PMOVMSKB X0, AX
	MOVO X0, X1
	PSRAW $15, X1
	PXOR X1, X0

	// The upper band: bit 3 of BX is set where the difference is small.
	PXOR X4, X4
	PSUBW X5, X4
	MOVO X4, X1
	PMULHUW level2<>(SB), X1
	PCMPGTW X0, X1
	PMOVMSKB X1, BX

	// The lower band: the first decision level that is greater than the
	// difference, of which DX has a bit each.
	PSHUFLW $0x00, X0, X0
	PSHUFL $0, X0, X0
	PSHUFLW $0x00, X4, X4
	PSHUFL $0, X4, X4
	MOVOU 0(R9), X1
	MOVOU 16(R9), X2
	MOVOU 32(R9), X3
	PMULHUW X4, X1
	PMULHUW X4, X2
	PMULHUW X4, X3
	PCMPGTW X0, X1
	PCMPGTW X0, X2
	PACKSSWB X2, X1
	MOVOU 48(R9), X2
	PMULHUW X4, X2
	PCMPGTW X0, X3
	PCMPGTW X0, X2
	PACKSSWB X2, X3
	PMOVMSKB X1, DX
	PMOVMSKB X3, R14
	ORL $0x20000000, DX
	SHLL $16, R14
	ORL R14, DX
	TZCNTL DX, DX // BSF where there is none: the same, as a bit is set

	// The place of the code in the tables.
	MOVL AX, R14
	ANDL $2, R14
	SHLL $4, R14
	ANDL $8, AX
	XORL $8, AX
	SHLL $4, AX
	ANDL $8, BX
	LEAL 1(AX)(BX*8), AX
	ADDL R14, AX
	ADDL DX, AX
	MOVBLZX (R11)(AX*1), DX
	MOVB DX, (DI)

	SHLL $4, AX
	MOVOU (R10)(AX*1), X0
	MOVO X0, X1
	PSRLO $8, X1
	PMULHW X5, X0
	SCALE
	PREDICT
	ADDQ $4, SI
	INCQ DI
	DECQ CX
	JNZ encode
	STORE(R8)
	RET
