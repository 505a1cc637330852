package codec

// Continuer is an Encoder whose codes are understood by what came before them:
// ADPCM's, where both ends adapt alike. When another encoder goes on with a stream
// it has to begin where the last one ended; from anywhere else its first codes,
// small at its end, may be a bang at the other.
type Continuer interface {
	Encoder
	// Continue puts the encoder where another one of the same format is.
	Continue(from Encoder)
	// Join puts the encoder where that one is whose stream a decoder of the same
	// format has heard; last is the end of what the decoder gave, 20 ms.
	Join(heard Decoder, last []int16)
}
