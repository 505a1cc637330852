//go:build !race

package queue

// simulated is the size of the simulated day.
var simulated = size{agents: 200, queues: 20, callers: 30000, hours: 24}
