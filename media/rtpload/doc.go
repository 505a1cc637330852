// Package rtpload measures what carrying audio costs: a generator of many RTP
// legs that is cheap itself, and a bare packet relay as the yardstick. It is for
// benchmarks on Linux, over loopback.
package rtpload
