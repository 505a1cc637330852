package main

import (
	"encoding/json"
	"strings"
	"testing"

	"offhook/resource"
)

// Two softphones register; one calls the other in G.722, and they hear each
// other. The caller presses a key, holds, comes back, and hangs up.
func TestBaresip(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWorld(t, `
extensions:
  - {id: alice, extension: "1001", password: secret1001}
  - {id: bob, extension: "1002", password: secret1002}
`)
	wide := ";audio_codecs=G722/16000/1"
	bob := newSoftphone(t, line{user: "1002", server: w.sip.String(), password: "secret1002", hz: 1110, more: wide})
	alice := newSoftphone(t, line{user: "1001", server: w.sip.String(), password: "secret1001", hz: 1280, more: wide})
	registered(t, w, "bob", 1)
	registered(t, w, "alice", 1)
	alice.do("dial", "1002")
	alice.hears(1110)
	bob.hears(1280)
	if m := bob.until("CALL_ESTABLISHED", 1); m.PeerURI != "sip:1001@127.0.0.1" {
		t.Errorf("bob cannot call %s back", m.PeerURI)
	}
	if _, rate := bob.recording(); rate != 16000 {
		t.Errorf("bob hears %d samples a second, want 16000", rate)
	}
	alice.do("sndcode", "5")
	if m := bob.until("CALL_DTMF_START", 1); m.Param != "5" {
		t.Errorf("bob got the key %q", m.Param)
	}
	alice.do("hold", "")
	bob.hears()
	alice.do("resume", "")
	bob.hears(1280)
	alice.do("hangup", "")
	var c resource.Call
	data := told(t, w, "call_hungup", `"direction":"incoming"`)
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	if c.Source.Target != "1001" || c.HangupBy != "remote" || c.HangupReason != "normal" || c.Media == nil {
		t.Errorf("call %s", data)
	}
	bob.until("CALL_CLOSED", 1)
	if said := alice.quit(); !strings.Contains(said, "Call established") || !strings.Contains(said, "200 OK () [1 binding]") {
		t.Errorf("alice's baresip said\n%s", said)
	}
	bob.quit()
	registered(t, w, "alice", 0)
	registered(t, w, "bob", 0)
}
