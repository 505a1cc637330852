package callflow

import (
	"maps"

	"offhook/resource"
)

// callVariables are the built-in variables of a call, beside those that were
// given when it was placed.
func callVariables(c resource.Call, given map[string]string) map[string]string {
	vars := maps.Clone(given)
	if vars == nil {
		vars = map[string]string{}
	}
	vars["voipbin.call.id"] = c.ID
	vars["voipbin.call.direction"] = c.Direction
	vars["voipbin.call.master_call_id"] = c.MasterCallID
	vars["voipbin.call.digits"] = ""
	for side, a := range map[string]resource.Address{"source": c.Source, "destination": c.Destination} {
		prefix := "voipbin.call." + side + "."
		vars[prefix+"name"] = a.Name
		vars[prefix+"detail"] = a.Detail
		vars[prefix+"target"] = a.Target
		vars[prefix+"target_name"] = a.TargetName
		vars[prefix+"type"] = a.Type
	}
	return vars
}
