//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// The numbers that the generator dials.
const (
	numberRelayed  = "+4930100"
	numberRecorded = "+4930101"
	numberPrompt   = "+4930102"
	numberEcho     = "+4930103"
	numberAnswered = "+4930104"
	numberRoom     = "+493020" // and the number of the room, four digits
	numberCallee   = "+4930900"
)

// resources is what the server is provisioned with: a trunk for the whole
// loopback, a provider that is the generator, flows and their numbers, and so
// many conferences.
func resources(provider netip.AddrPort, promptURL string, rooms int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
trunks: [{id: all, name: all, auth_types: [ip], allowed_ips: [127.0.0.0/8]}]
providers: [{id: out, hostname: "%s"}]
routes: [{id: all, provider_id: out, target: all, priority: 1}]
flows:
`, provider)
	connect := fmt.Sprintf(`{type: connect, option: {destinations: [{type: tel, target: %q}], ring_timeout: 10000}}`, numberCallee)
	flow := func(id, actions string) { fmt.Fprintf(&b, "  - {id: %s, name: %s, actions: [%s]}\n", id, id, actions) }
	flow("relayed", connect)
	flow("recorded", `{type: answer}, {type: record_start, option: {direction: both, format: wav}}, `+connect)
	flow("prompt", fmt.Sprintf(`{id: again, type: play, option: {stream_urls: [%q]}}, {type: goto, option: {target_id: again, loop_count: 60}}`, promptURL))
	flow("echo", `{type: answer}, {type: echo, option: {duration: 600000}}`)
	flow("answered", `{type: answer}, {type: sleep, option: {duration: 600000}}`)
	for i := range rooms {
		flow(fmt.Sprintf("room%d", i), fmt.Sprintf(`{type: conference_join, option: {conference_id: room%d}}`, i))
	}
	b.WriteString("numbers:\n")
	number := func(id, number string) {
		fmt.Fprintf(&b, "  - {id: %s, number: %q, call_flow_id: %s}\n", id, number, id)
	}
	number("relayed", numberRelayed)
	number("recorded", numberRecorded)
	number("prompt", numberPrompt)
	number("echo", numberEcho)
	number("answered", numberAnswered)
	for i := range rooms {
		number(fmt.Sprintf("room%d", i), roomNumber(i))
	}
	if rooms > 0 {
		b.WriteString("conferences:\n")
	}
	for i := range rooms {
		fmt.Fprintf(&b, "  - {id: room%d, name: room%d}\n", i, i)
	}
	return b.String()
}

func roomNumber(i int) string { return fmt.Sprintf("%s%04d", numberRoom, i) }

// servePrompt serves a WAV file of a minute: bursts of tones with some noise,
// as loud as speech.
func servePrompt() (url string, stop func() error, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	file := promptFile()
	s := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		http.ServeContent(w, r, "prompt.wav", time.Time{}, bytes.NewReader(file))
	})}
	go func() { _ = s.Serve(l) }() // ends with Close
	return "http://" + l.Addr().String() + "/prompt.wav", s.Close, nil
}

func promptFile() []byte {
	const rate, seconds = 8000, 60
	pcm := make([]int16, rate*seconds)
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range pcm {
		t := float64(i) / rate
		if math.Mod(t, 1.2) < 0.9 {
			pcm[i] = int16(4000*math.Sin(2*math.Pi*180*t)+2500*math.Sin(2*math.Pi*740*t)) + int16(noise.IntN(400))
		}
	}
	var b bytes.Buffer
	size := uint32(2 * len(pcm))
	b.WriteString("RIFF")
	for _, v := range []any{
		36 + size, [4]byte([]byte("WAVE")), [4]byte([]byte("fmt ")), uint32(16), uint16(1), uint16(1),
		uint32(rate), uint32(2 * rate), uint16(2), uint16(16), [4]byte([]byte("data")), size, pcm,
	} {
		_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes everything
	}
	return b.Bytes()
}
