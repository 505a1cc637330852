package sip

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	sipmsg "github.com/emiago/sipgo/sip"
)

// server is an incoming request and sipgo's server transaction for it.
type server struct {
	tx    *sipmsg.ServerTx
	acked atomic.Bool
}

// client is an outgoing request and sipgo's client transaction for it.
type client struct {
	stack *Stack
	tx    *sipmsg.ClientTx
	flow  *flow
	req   *sipmsg.Request

	// onResponse gets every response in wire order on the reader's goroutine:
	// provisional ones, the final one, and for INVITE every further 2xx (a
	// retransmission or another branch of a fork) until Timer M.
	onResponse func(*sipmsg.Response)
	// onFailure is called once when there will be no final response, on a
	// goroutine of its own: the timeout of Timer B or F, or a transport error.
	onFailure func(error)

	mu    sync.Mutex // one response at a time
	final atomic.Bool
}

// request adds our Via to req and sends it on f as a client transaction. An
// error means that nothing was sent and neither function will be called.
func (s *Stack) request(req *sipmsg.Request, f *flow, onResponse func(*sipmsg.Response), onFailure func(error)) (*client, error) {
	s.addVia(req, f)
	return s.transact(req, f, onResponse, onFailure)
}

// transact is request for a message that has its Via, as a CANCEL does.
func (s *Stack) transact(req *sipmsg.Request, f *flow, onResponse func(*sipmsg.Response), onFailure func(error)) (*client, error) {
	key, err := sipmsg.ClientTxKeyMake(req)
	if err != nil {
		return nil, fmt.Errorf("sip: %s: %w", req.Method, err)
	}
	c := &client{stack: s, flow: f, req: req, onResponse: onResponse, onFailure: onFailure}
	c.tx = sipmsg.NewClientTx(key, req, f, s.log)
	c.tx.OnTerminate(func(_ string, err error) { c.terminated(key, err) })
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	s.clients[key] = c
	s.mu.Unlock()
	// Init sends first and sets its timers after that; a response that comes in
	// between would find none and end the transaction. receive waits for it.
	c.mu.Lock()
	err = c.tx.Init()
	c.mu.Unlock()
	if err != nil {
		c.final.Store(true)
		c.tx.Terminate()
		return nil, err
	}
	return c, nil
}

var errClosed = errors.New("sip: stack is shut down")

func (s *Stack) dropClient(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, key)
}

// terminated runs inside sipgo's state machine, where its methods deadlock.
func (c *client) terminated(key string, err error) {
	c.stack.dropClient(key)
	if !c.final.Swap(true) {
		go c.onFailure(err)
	}
}

// receive takes one response. sipgo's machine hands responses over on an
// unbuffered channel while it holds its lock, so it is spun on a goroutine of
// its own and the response is taken from it here: the caller, who reads the
// socket, has dealt with one message before it reads the next.
func (c *client) receive(res *sipmsg.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	final := !res.IsProvisional()
	// The claim comes before sipgo sees the response: on a reliable transport
	// its machine terminates at once, and must not look like a failure.
	if final && c.final.Swap(true) || c.final.Load() && !final {
		c.repeated(res)
		return
	}
	spun := make(chan struct{})
	go func() {
		defer close(spun)
		c.tx.Receive(res)
	}()
	select {
	case <-c.tx.Responses():
		<-spun
	case <-spun:
		if !final {
			return
		}
	}
	c.onResponse(res)
	if final && !c.req.IsInvite() {
		// Timer K only absorbs retransmissions, and those that match no
		// transaction are dropped anyway. sipgo would keep it for 32 s.
		c.tx.Terminate()
	}
}

// repeated deals with what follows the final response of an INVITE. sipgo
// would wait T2 before it repeats an ACK, holding its lock.
func (c *client) repeated(res *sipmsg.Response) {
	switch {
	case !c.req.IsInvite() || res.IsProvisional():
	case res.IsSuccess():
		c.onResponse(res)
	default:
		if err := c.flow.WriteMsg(refusalAck(c.req, res)); err != nil {
			c.stack.log.Debug("sip ACK not repeated", "error", err)
		}
	}
}

// refusalAck is the ACK of a final response other than 2xx (RFC 3261
// 17.1.1.3). It belongs to the INVITE's transaction.
func refusalAck(invite *sipmsg.Request, res *sipmsg.Response) *sipmsg.Request {
	ack := sipmsg.NewRequest(sipmsg.ACK, invite.Recipient)
	ack.AppendHeader(sipmsg.HeaderClone(invite.Via()))
	sipmsg.CopyHeaders("Route", invite, ack)
	maxForwards := sipmsg.MaxForwardsHeader(70)
	ack.AppendHeader(&maxForwards)
	ack.AppendHeader(sipmsg.HeaderClone(invite.From()))
	ack.AppendHeader(sipmsg.HeaderClone(res.To()))
	ack.AppendHeader(sipmsg.HeaderClone(invite.CallID()))
	ack.AppendHeader(&sipmsg.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sipmsg.ACK})
	ack.SetBody(nil)
	return ack
}
