package conference

import (
	"context"
	"slices"

	"offhook/call"
	"offhook/event"
	"offhook/flow"
	"offhook/media"
	"offhook/resource"
	"offhook/speech"
	"offhook/store"
)

// find returns a stay that has not ended. The caller holds the lock.
func (r *Rooms) find(customerID, conferencecallID string) (*stay, error) {
	s, ok := r.stays[key{customerID, conferencecallID}]
	if !ok {
		return nil, ErrLeft
	}
	return s, nil
}

// May tells whether a member may act on another: ErrRole unless it is a
// moderator who is in the same conference. On itself everybody may act.
func (r *Rooms) May(customerID, by, conferencecallID string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	actor, err := r.find(customerID, by)
	if err != nil {
		return ErrRole
	}
	if by == conferencecallID {
		return nil
	}
	if !actor.seated || actor.row.Role != Moderator {
		return ErrRole
	}
	if other, err := r.find(customerID, conferencecallID); err != nil || other.room != actor.room {
		return ErrRole
	}
	return nil
}

// Mute keeps a member from being heard by the others, or lets it be heard
// again. It returns when the row says so; ErrLeft when the member has left.
func (r *Rooms) Mute(ctx context.Context, customerID, conferencecallID string, on bool) error {
	r.mu.Lock()
	s, err := r.find(customerID, conferencecallID)
	if err == nil && s.row.Mute != on {
		s.row.Mute = on
		if s.member != nil {
			s.member.SetMute(on)
		}
		s.save()
	}
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.cfg.DB.Flush(ctx)
}

// Kick removes a member, whose flow goes on, and returns when its row says that
// it has left. It does nothing when the member has left.
func (r *Rooms) Kick(ctx context.Context, customerID, conferencecallID string) error {
	r.mu.Lock()
	s, err := r.find(customerID, conferencecallID)
	if err == nil {
		s.dismiss(errKicked)
	}
	r.mu.Unlock()
	if err != nil {
		return nil // it has left
	}
	select {
	case <-s.gone:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return r.cfg.DB.Flush(ctx)
}

// dismiss brings a stay to an end. The caller holds the lock.
func (s *stay) dismiss(cause error) {
	if s.heir != nil {
		s.heir.lose()
	}
	if s.placed && s.row.Status != "leaving" {
		s.row.Status = "leaving"
		s.save(event.ConferencecallLeaving)
	}
	s.remove(cause)
}

// Talking tells whether a member's voice was heard in the last moments.
func (r *Rooms) Talking(customerID, conferencecallID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(customerID, conferencecallID)
	return err == nil && s.member != nil && !s.row.Mute && s.member.Talking()
}

// End ends a conference for good: nobody joins it any more, its members are
// removed and their flows go on. It returns when all of them are gone.
func (r *Rooms) End(ctx context.Context, customerID, conferenceID string) error {
	k := key{customerID, conferenceID}
	// The row first: whoever reads it after this stays outside, and whoever
	// read it before is found below.
	err := r.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		return update(tx, k, func(c *resource.Conference) bool {
			if c.Status != active {
				return false
			}
			c.Status = terminating
			return true
		})
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	var leaving []*stay
	if room := r.rooms[k]; room != nil {
		leaving = append(leaving, room.stays...)
		room.dismiss(errEnded)
	}
	r.mu.Unlock()
	for _, s := range leaving {
		select {
		case <-s.gone:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return r.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		return update(tx, k, func(c *resource.Conference) bool {
			if c.Status == terminated {
				return false
			}
			c.Status, c.TMEnd = terminated, resource.Now()
			return true
		})
	})
}

// Play plays a prompt into a conference, over what is said and in place of a
// prompt that still plays. It returns when it has begun; ErrEmpty when nobody
// would hear it.
func (r *Rooms) Play(ctx context.Context, customerID, conferenceID string, p flow.Prompt) error {
	src, err := r.cfg.Exchange.Sound(ctx, customerID, prompt(p), rate)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.rooms[key{customerID, conferenceID}]
	if room == nil || room.bridge == nil {
		return ErrEmpty
	}
	if room.prompt != nil {
		room.prompt.Stop()
	}
	room.prompt = room.bridge.Play(src)
	return nil
}

// Listen returns what lets sinks have all that is said and played in a
// conference, as what was said, until they are detached or the last member has
// left, which closes empty. ErrEmpty when nobody is in it.
func (r *Rooms) Listen(customerID, conferenceID string) (attach func(sink media.Sink, rate int) (detach func()), empty <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.rooms[key{customerID, conferenceID}]
	if room == nil || room.bridge == nil {
		return nil, nil, ErrEmpty
	}
	return room.bridge.Attach, room.empty, nil
}

// Transcribed notes on a conference's row that a transcription of it has begun,
// or that it is over.
func (r *Rooms) Transcribed(customerID, conferenceID, transcribeID string, over bool) {
	r.cfg.DB.Enqueue(func(tx *store.Tx) error {
		return update(tx, key{customerID, conferenceID}, func(c *resource.Conference) bool {
			known := slices.Contains(c.TranscribeIDs, transcribeID)
			if !known {
				c.TranscribeIDs = append(c.TranscribeIDs, transcribeID)
			}
			switch {
			case !over && !known:
				c.TranscribeID = transcribeID
			case over && c.TranscribeID == transcribeID:
				c.TranscribeID = ""
			default: // an end may be told before its beginning
				return !known
			}
			return true
		})
	})
}

// prompt turns a flow's prompt into a call's.
func prompt(p flow.Prompt) call.Prompt {
	kinds := map[flow.PromptKind]call.PromptKind{
		flow.PromptText: call.PromptText, flow.PromptURL: call.PromptURL,
		flow.PromptBeep: call.PromptBeep, flow.PromptRecording: call.PromptRecording,
	}
	return call.Prompt{
		Kind: kinds[p.Kind], URL: p.URL, Recording: p.Recording,
		Text: speech.Request{Text: p.Text, Language: p.Language, Voice: p.Voice, Provider: p.Provider},
	}
}
