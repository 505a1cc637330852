package call

import "offhook/resource"

// Routed adds the receiver of the call's own flow, if it has one, to an event
// that another package publishes about the call.
func (c *Call) Routed(e resource.Event) resource.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.route(e)
}
