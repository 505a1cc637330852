package action

import (
	"fmt"

	"offhook/flow"
	"offhook/resource"
)

// maxDestinations is how many parties one action may dial.
const maxDestinations = 100

// checkDestinations finds addresses that can't be dialled.
func checkDestinations(c *flow.Check, list []resource.Address) {
	if len(list) > maxDestinations {
		c.Fault("destinations", "at most %d, not %d", maxDestinations, len(list))
	}
	for i, a := range list {
		at := fmt.Sprintf("destinations[%d]", i)
		if a.Type == "" {
			c.Missing(at+".type", "is required: tel, sip, extension, agent, conference or queue")
		}
		if a.Target == "" && a.TargetName == "" {
			c.Missing(at+".target", "is required: whom to dial")
		}
	}
}
