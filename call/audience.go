package call

import (
	"context"
	"sync/atomic"

	"offhook/media/tone"
)

// partners are those who sit in a conversation with its transferer: they are
// parked there while it consults on the same bridge.
type partners struct {
	talk       *conversation
	transferer *Call
	seats      []*seat
	lost       chan struct{}
}

func (p *partners) wait() {
	p.seats = p.talk.others(p.transferer)
	for _, s := range p.seats {
		p.transferer.unchain(s.call)
		s.call.unchain(p.transferer)
	}
	p.talk.park(p.seats, true)
	p.lost = make(chan struct{})
	var left atomic.Int32
	left.Store(int32(len(p.seats)))
	if len(p.seats) == 0 { // they have left since the transfer was asked for
		close(p.lost)
	}
	for _, s := range p.seats {
		context.AfterFunc(s.gone, func() {
			if left.Add(-1) == 0 {
				close(p.lost)
			}
		})
	}
}

func (p *partners) resume() { p.talk.park(p.seats, false) }

func (p *partners) ringback() {
	for _, s := range p.seats {
		s.call.stage.set(layerHold, tone.New(s.call.rate(), tone.Ringback()))
	}
}

func (p *partners) gone() <-chan struct{} { return p.lost }
func (p *partners) void() <-chan struct{} { return nil }
func (p *partners) keepsTransferer() bool { return false }

func (p *partners) consult(target *Call) (*seat, error) { return p.talk.bring(target) }

func (p *partners) take(target *Call, consulted *seat) error {
	if consulted == nil {
		if _, err := p.consult(target); err != nil {
			return err
		}
	}
	p.resume()
	return nil
}

// occupant is a transferer with a place in a conference, which goes on: nobody
// waits. It steps out while it consults.
type occupant struct {
	talk       *conversation // of transferer and new party
	transferer *Call
	kept       Kept
	blind      bool
	stays      bool // it brings the new party in instead
	mine       *seat
}

func (o *occupant) wait() {
	if o.blind {
		return
	}
	o.kept.StepOut()
	if s, err := o.talk.join(o.transferer); err == nil {
		o.mine = s
	}
}

func (o *occupant) resume() {
	if o.mine != nil {
		o.mine.leave()
		o.kept.Return()
	}
	o.kept.Drop()
}

func (o *occupant) ringback()             {}
func (o *occupant) gone() <-chan struct{} { return nil }
func (o *occupant) void() <-chan struct{} { return o.kept.Lost() }
func (o *occupant) keepsTransferer() bool { return o.stays }

func (o *occupant) consult(target *Call) (*seat, error) { return o.talk.bring(target) }

func (o *occupant) take(target *Call, consulted *seat) error {
	if consulted != nil {
		return consulted.moveTo(o.kept.GiveTo)
	}
	give := o.kept.GiveTo
	if o.stays {
		give = o.kept.Invite
	}
	_, err := give(target, func() { target.Hangup(CauseOf(ReasonNormal)) })
	return err
}
