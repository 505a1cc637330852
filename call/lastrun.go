package call

import (
	"context"
	"strconv"
	"strings"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// Durable calls tell the next process of themselves when this one is killed.
// Their row is written before the INVITE leaves, and their answer before it is
// acknowledged. A peer that rang when the process died, or whose answer nobody
// heard, sends its answer until somebody acknowledges it (RFC 3261 13.3.1.4), and
// its Call-ID says which call it was. So of each of them it is known whether
// somebody answered, if the next process starts within 32 s.

// writeLimit bounds the wait for a durable call's row. The peer sends its answer
// again meanwhile, and gives up after 32 s.
const writeLimit = 5 * time.Second

// OnStray has f told of final responses to INVITEs of durable calls of an earlier
// process: ref is the id of the groupcall, or else of the call. True has an answer
// hung up. It is set before Start; f must not block.
func (x *Exchange) OnStray(f func(ref string, status int) bool) { x.hooks.stray = f }

// stray takes a final response to an INVITE that this process did not send.
func (x *Exchange) stray(callID string, status int) bool {
	ref, _, durable := strings.Cut(callID, ".")
	return durable && x.hooks.stray != nil && x.hooks.stray(ref, status)
}

// lastingID is the Call-ID of a durable call's next INVITE; each has its own. The
// caller holds the lock.
func (c *Call) lastingID() string {
	c.invites++
	id := c.row.ID + "." + strconv.Itoa(c.invites)
	if c.row.GroupcallID != "" {
		id = c.row.GroupcallID + "." + id
	}
	return id
}

// written returns when the call's row is committed; false when it can't be.
func (c *Call) written() bool {
	ctx, cancel := context.WithTimeout(c.ctx, writeLimit)
	defer cancel()
	if err := c.x.cfg.DB.Flush(ctx); err != nil {
		c.log().Error("not dialled: the call could not be written", "error", err)
		return false
	}
	return true
}

// writeAnswer notes in the call's row that somebody answered, and returns when
// that is committed.
func (c *Call) writeAnswer() {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	err := c.x.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := rows.Calls.Update(tx, c.CustomerID(), c.ID(), func(row *resource.Call) error {
			if row.TMProgressing == nil {
				row.TMProgressing = resource.Now()
			}
			return nil
		})
		return err
	})
	if err != nil {
		c.log().Error("answer not written", "error", err)
	}
}

// answeredIn returns who answered in groups whose rows do not tell yet, by the
// id of the groupcall.
func answeredIn(calls []*resource.Call) map[string]string {
	who := map[string]string{}
	for _, c := range calls {
		if c.GroupcallID != "" && c.TMProgressing != nil {
			who[c.GroupcallID] = c.ID
		}
	}
	return who
}
