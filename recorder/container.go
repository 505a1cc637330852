package recorder

// container turns interleaved samples into a file's bytes.
type container interface {
	// write appends samples, whole frames of all channels.
	write(pcm []int16) error
	// finish cuts off what a failed write left, makes the header true, and
	// tells the samples for each channel and the file's size in bytes.
	finish() (samples, size int64, err error)
}

func newContainer(f file, o Options) (container, error) {
	if o.Format == WAV {
		return newWAVFile(f, o.Rate, o.Channels)
	}
	return newMP3File(f, o.mp3())
}
