package sip

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// FuzzReceive feeds datagrams to a stack: whatever comes, it must not panic.
func FuzzReceive(f *testing.F) {
	files, err := filepath.Glob("../testdata/rfc4475/*.dat")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	network := NewMemoryNetwork()
	bob := newParty(f, Config{Network: network.Host(bobIP)})
	socket, err := network.Host(bobIP).ListenPacket(f.Context(), "0.0.0.0:5060")
	if err != nil {
		f.Fatal(err)
	}
	p := &packetSocket{conn: socket, local: netip.AddrPortFrom(bobIP, 5060)}
	peer := netip.AddrPortFrom(aliceIP, 5060)
	f.Fuzz(func(t *testing.T, data []byte) {
		bob.stack.receive(data, &flow{transport: "UDP", remote: peer, packets: p})
		for len(bob.inbound) > 0 {
			d := <-bob.inbound
			d.Reject(404, "")
		}
	})
}
