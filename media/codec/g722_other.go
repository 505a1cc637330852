//go:build !amd64 || purego

package codec

func newG722Encoder() Encoder { return newPlainEncoder() }
func newG722Decoder() Decoder { return newPlainDecoder() }
