// Package call is the telephone exchange: it joins signalling (package sip)
// and sound (package media) into calls, and knows who may call whom.
//
// A Leg is one SIP dialog with its media port. A Call is what the API, the
// events and a flow see; over time it has one live leg after another (route
// failover swaps the leg, the call stays). A conversation is calls that hear
// each other through a bridge. A Cause is why something ended; one table maps
// it to SIP, Q.850 and the API's words.
package call
