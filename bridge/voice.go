package bridge

// When a member counts as a voice.
const (
	gateAbove = 4    // members; in smaller bridges everything is heard
	floor     = 16   // peak that is no more than a codec's noise
	gate      = 66   // peak, -54 dBFS, below which a member of a large bridge is left out
	loud      = 1040 // peak, -30 dBFS, of a voice
	hangover  = 20   // frames that the gate stays open
	talkHold  = 15   // frames after the last loud one
	talkStart = 3    // loud frames until somebody counts as talking
	calm      = 5    // frames after the last loud one until it is quiet
)

// voice watches one member's level.
type voice struct {
	open    int // frames left until the gate closes
	loudFor int
	hold    int
	loudAgo int // frames left until it is quiet
}

// hear takes a frame and tells whether it goes into the mix. With gating, what is
// quieter than a whispering room stays out, so that a hundred open microphones do
// not add up; the gate opens with the frame itself and closes after 400 ms.
func (v *voice) hear(pcm []int16, gating bool) bool {
	var peak int16
	for _, s := range pcm {
		if s < 0 {
			s = ^s
		}
		peak = max(peak, s)
	}
	v.talk(peak)
	if v.loudAgo = max(0, v.loudAgo-1); peak >= loud {
		v.loudAgo = calm
	}
	threshold := int16(floor)
	if gating {
		threshold = gate
	}
	if peak > threshold {
		v.open = hangover
		return true
	}
	if v.open > 0 {
		v.open--
		return true
	}
	return false
}

// pause takes a frame in which there was nothing.
func (v *voice) pause() { v.loudAgo = max(0, v.loudAgo-1) }

// quiet tells whether there was nothing loud for a tenth of a second.
func (v *voice) quiet() bool { return v.loudAgo == 0 }

func (v *voice) talk(peak int16) {
	if peak < loud {
		v.loudFor = 0
		v.hold = max(0, v.hold-1)
		return
	}
	if v.loudFor++; v.loudFor >= talkStart {
		v.hold = talkHold
	}
}

func (v *voice) talking() bool { return v.hold > 0 }
