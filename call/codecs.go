package call

import (
	"offhook/media"
	"offhook/media/codec"
	"offhook/sip/sdp"
)

// formats is the table where SDP formats meet codecs.
func localCodecs(names []string) []sdp.Codec {
	var list []sdp.Codec
	for _, name := range names {
		f, ok := codec.Lookup(name)
		if !ok {
			continue // the configuration has refused unknown names already
		}
		list = append(list, sdp.Codec{Name: f.Name, PayloadType: f.PayloadType, ClockRate: f.ClockRate, Channels: 1})
	}
	return list
}

// params turns a negotiated medium into what the port needs. It reports false
// for a codec that offhook does not have.
func params(m sdp.Media) (media.Params, bool) {
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
