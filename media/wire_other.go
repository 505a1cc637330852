//go:build !linux || !(amd64 || arm64)

package media

func defaultWire() Wire { return NewUDPWire() }
