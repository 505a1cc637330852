// Package queue lets callers wait for agents. Line decides who gets whom: it is
// a plain value without clock, goroutine or input and output, so that its rules
// can be tested and simulated. Centre runs one Line for each customer against
// live calls, the store and the events.
package queue
