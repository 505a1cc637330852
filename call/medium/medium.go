// Package medium is the table where the formats of session descriptions meet
// the codecs of the media engine; sip and media know nothing of each other.
package medium

import (
	"offhook/media"
	"offhook/media/codec"
	"offhook/sip/sdp"
)

// Codecs turns codec names, in order of preference, into what an SDP agent
// offers. Names that offhook does not have are left out.
func Codecs(names []string) []sdp.Codec {
	var list []sdp.Codec
	for _, name := range names {
		if f, ok := codec.Lookup(name); ok {
			list = append(list, sdp.Codec{Name: f.Name, PayloadType: f.PayloadType, ClockRate: f.ClockRate, Channels: 1})
		}
	}
	return list
}

// Params turns a negotiated medium into what a port needs. It reports false
// for a codec that offhook does not have.
func Params(m sdp.Media) (media.Params, bool) {
	f, ok := codec.Lookup(m.Codec.Name)
	if !ok {
		return media.Params{}, false
	}
	return media.Params{
		Format:           f,
		PayloadType:      m.Codec.PayloadType,
		EventPayloadType: m.EventPayloadType,
		Remote:           m.Remote,
		RemoteRTCP:       m.RemoteRTCP,
		Send:             m.Direction == sdp.SendRecv || m.Direction == sdp.SendOnly,
		Receive:          m.Direction == sdp.SendRecv || m.Direction == sdp.RecvOnly,
		Ptime:            m.Ptime,
		InbandDTMF:       m.EventPayloadType == 0,
	}, true
}
