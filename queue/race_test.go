//go:build race

package queue

// simulated is the size of the simulated day under the race detector.
var simulated = size{agents: 20, queues: 5, callers: 1500, hours: 8}
