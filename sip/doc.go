// Package sip is offhook's signalling: sockets, transactions and dialogs.
//
// Messages, their parser and the transaction state machines come from sipgo;
// the sockets, the order in which messages are handled and the whole dialog
// layer are this package's own. DESIGN.md says why.
//
// A [Stack] owns the sockets. Every incoming INVITE and every outgoing one is a
// [Dialog]; what happens in it is told to a [DialogHandler], one call at a
// time, in the order in which it came over the wire. Session descriptions are
// opaque bytes here.
package sip
