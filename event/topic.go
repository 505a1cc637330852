package event

import (
	"strings"

	"offhook/resource"
)

// ownPrefix begins every topic of a customer.
func ownPrefix(customerID string) string { return "customer_id:" + customerID }

// topicPrefix returns what a subscription stands for behind the customer's own
// prefix: "", ":call", ":call:ID" and so on; a trailing * stands for anything.
// Topics that are malformed or another customer's give false alike.
func topicPrefix(customerID, topic string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, ownPrefix(customerID))
	if !ok || customerID == "" || len(topic) > maxTopicLength || rest != "" && rest[0] != ':' {
		return "", false
	}
	if whole, cut := strings.CutSuffix(rest, "*"); cut {
		if !strings.HasSuffix(whole, ":") {
			return "", false // * is a part of its own
		}
		rest = whole
	}
	if strings.ContainsAny(rest, "* \t\r\n") || strings.Count(rest, ":") > 3 {
		return "", false
	}
	return rest, true
}

// topicsOf are the names that an event goes by, behind the customer's prefix.
// The first is the contract's. The others let clients choose an event's name,
// as VoIPBIN's may, and everything of one call before its parts have ids.
func topicsOf(e resource.Event) [4]string {
	kind := resourceOf(e.Type)
	return [4]string{
		":" + e.Resource + ":" + e.ResourceID,
		":" + kind + ":" + e.Type + ":" + e.ResourceID,
		":" + kind + ":" + e.ResourceID,
		":" + e.Resource + ":" + e.OrderKey,
	}
}

// matches tells whether one of the prefixes begins one of the topics.
func matches(prefixes []string, topics *[4]string) bool {
	for _, p := range prefixes {
		for _, t := range topics {
			if strings.HasPrefix(t, p) {
				return true
			}
		}
	}
	return false
}
