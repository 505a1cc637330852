package call_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offhook/call"
	"offhook/call/phone"
	"offhook/media/audio"
	"offhook/media/tone"
	"offhook/media/wav"
	"offhook/resource"
)

// toneFile writes a WAV file of a steady tone, longer than any test listens.
func toneFile(t *testing.T, hz float64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tone.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := wav.NewWriter(f, 8000, 1)
	if err != nil {
		t.Fatal(err)
	}
	src, frame := tone.New(8000, tone.Spec{Hz1: hz, Level: -20}), make([]int16, 160)
	for range 60 * 50 {
		if err := src.ReadFrame(frame); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWhisperIsForTheCalleeAlone has the callee hear a whisper that is a tone:
// the caller hears music, and neither the whisper nor the callee, and the callee
// does not hear the caller, until the key that accepts.
func TestWhisperIsForTheCalleeAlone(t *testing.T) {
	t.Parallel()
	message := toneFile(t, 1300)
	b := newBench(t, func(ctx context.Context, c *call.Call, _ call.Script) {
		_ = c.Answer(ctx)
		_ = c.MusicStart("")
		_, _ = c.Connect(ctx, call.ConnectOptions{
			Destinations: []resource.Address{{Type: "extension", Target: "1001"}},
			Whisper:      &call.Whisper{Message: call.Prompt{Kind: call.PromptURL, URL: message}, AcceptKey: "1", RejectKey: "2"},
		})
	}, func(c *call.Config) {
		c.Audio = audio.NewLibrary(audio.LibraryConfig{Roots: []string{filepath.Dir(message)}})
	})
	ringing := make(chan *phone.Call, 1)
	b.extension("1001", ring(ringing))
	b.number("+1555", "f")
	dialled := b.dial(b.phone("caller", "", nil), "+1555")
	wait(t, "answer", dialled.UpSignal())
	c, a := newParty("C", 700, dialled), newParty("A", 1100, <-ringing)
	whisper := &party{name: "the whisper", hz: 1300, ear: &spectrum{}}
	all := []*party{c, a, whisper}
	hears(t, "while it rings", map[*party][]*party{}, all...)
	wait(t, "the caller hears music", listen(c.call))
	if err := a.call.Answer(); err != nil {
		t.Fatal(err)
	}
	hears(t, "whispering", map[*party][]*party{a: {whisper}}, all...)
	wait(t, "the caller hears music still", listen(c.call))
	if err := a.call.SendDigits(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	a.call.Play(tone.New(8000, tone.Spec{Hz1: a.hz, Level: -20}))
	hears(t, "accepted", map[*party][]*party{a: {c}, c: {a}}, all...)
}

// TestPhoneHoldMatrix holds who hears whom when phones hold: one, the other, both,
// and the transferer, whose hold outlives a consultation.
func TestPhoneHoldMatrix(t *testing.T) {
	w := newThreeWay(t, answer)
	together, apart := map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, map[*party][]*party{}
	hold := func(p *party, on bool) {
		t.Helper()
		if err := p.call.Hold(t.Context(), on); err != nil {
			t.Fatal(err)
		}
	}
	hold(w.a, true)
	hears(t, "A holds", apart, w.c, w.a)
	wait(t, "C hears music", listen(w.c.call))
	hold(w.a, false)
	hears(t, "A is back", together, w.c, w.a)
	hold(w.c, true)
	hears(t, "C holds", apart, w.c, w.a)
	wait(t, "A hears music", listen(w.a.call))
	hold(w.a, true)
	hears(t, "both hold", apart, w.c, w.a)
	hold(w.c, false)
	hears(t, "A holds still", apart, w.c, w.a)
	wait(t, "C hears music again", listen(w.c.call))
	hold(w.a, false)
	hears(t, "both are back", together, w.c, w.a)

	hold(w.c, true)
	row := w.transfer(call.TransferOptions{})
	b := newParty("B", 1700, <-w.b)
	hears(t, "A consults, C holds", map[*party][]*party{w.a: {b}, b: {w.a}}, w.c, w.a, b)
	transfer, ok := w.x.FindTransfer(customer, row.ID)
	if !ok {
		t.Fatal("the transfer is over")
	}
	if _, err := transfer.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, "B is let go", b.call.Done())
	hears(t, "A is back from B, C holds", apart, w.c, w.a)
	wait(t, "A hears music as before", listen(w.a.call))
	hold(w.c, false)
	hears(t, "C is back", together, w.c, w.a)
}

// TestCodecChangeMatrix has one side change its codec and back: both hear each
// other throughout, by packets passed on where both have the same.
func TestCodecChangeMatrix(t *testing.T) {
	w := newThreeWay(t, answer)
	for _, step := range []struct {
		codec   string
		relayed int
	}{{"PCMA", 0}, {"G722", 0}, {"PCMU", 2}} {
		if err := w.a.call.Renegotiate(t.Context(), step.codec); err != nil {
			t.Fatal(err)
		}
		hears(t, "A with "+step.codec, map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
		settle(t, "relayed calls too many or few", func() int { return w.relayed() - step.relayed })
		if path := w.ofA.Snapshot().Media.Path; !strings.Contains(path, step.codec) {
			t.Errorf("A's sound goes by %s", path)
		}
	}
}
