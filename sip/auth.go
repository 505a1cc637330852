package sip

import (
	"errors"

	"github.com/icholy/digest"

	sipmsg "github.com/emiago/sipgo/sip"
)

// authorize answers the challenge of a 401 or 407 in req with the dialog's
// credentials (RFC 3261 22, RFC 8760).
func (d *Dialog) authorize(req *sipmsg.Request, challenge *sipmsg.Response) error {
	if d.out == nil || d.out.opts.User == "" {
		return errors.New("sip: challenged, but there are no credentials")
	}
	return authorize(req, challenge, d.out.opts.User, d.out.opts.Password)
}

// authorize adds the credentials that challenge asks for to req: for the first
// challenge whose algorithm is known, as the server put the best one first.
func authorize(req *sipmsg.Request, challenge *sipmsg.Response, user, password string) error {
	ask, answer := "WWW-Authenticate", "Authorization"
	if challenge.StatusCode == 407 {
		ask, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	for _, h := range challenge.GetHeaders(ask) {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil || !digest.CanDigest(c) {
			continue
		}
		credentials, err := digest.Digest(c, digest.Options{
			Method: string(req.Method), URI: req.Recipient.String(), Username: user, Password: password, Count: 1,
		})
		if err != nil {
			continue
		}
		req.RemoveHeader(answer)
		req.AppendHeader(sipmsg.NewHeader(answer, credentials.String()))
		return nil
	}
	return errors.New("sip: no challenge that can be answered")
}
