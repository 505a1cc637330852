// Package campaign dials lists of people: whom, when, how fast and how often.
//
// Pacer decides, for one campaign, from what it is told and the time it is
// given; it has no clock and does nothing. Dialer runs a Pacer for each running
// campaign on a goroutine of its own, places the calls through a Line, and
// writes what happens to the store before the next thing happens.
package campaign
