//go:build linux && (amd64 || arm64)

package rtpload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"offhook/media/codec"
)

// The shape of the load.
const (
	slot      = time.Millisecond // the legs are spread over a packet's time by these
	header    = 12
	tones     = 50 // packets of the tone before it repeats
	maxPtime  = 60 * time.Millisecond
	maxPacket = header + int(maxPtime/time.Millisecond)*8
)

// Options are the options of New.
type Options struct {
	Legs    int
	Formats []string      // PCMU, PCMA or G722; leg n sends the n-th, counted round; none: PCMU
	Ptime   time.Duration // of sound in a packet, whole frames of 20 ms up to 60; none: 20 ms
	Stamp   bool          // packets carry their time, to measure the delay of relayed ones
	Silent  bool          // send silence in place of tones
}

// leg is one party: its own address, sending to one server port.
type leg struct {
	server atomic.Uint64 // IPv4 address and port; 0: not connected
	packet []byte
	seq    uint16
	ts     uint32
}

// Generator is legs at addresses of their own in 127/8, on one socket. A
// goroutine on a thread of its own sends a packet each Ptime for each connected
// leg and counts what comes back.
type Generator struct {
	options Options
	fd      int
	port    uint16
	legs    []leg
	slots   int
	payload int             // bytes of sound in a packet
	tones   [][tones][]byte // one of each format
	stop    atomic.Bool
	done    chan struct{}
	cpu     atomic.Int64
	out     outgoing
	in      incoming

	mu       sync.Mutex
	sent     uint64
	received uint64
	delays   []time.Duration
}

// Result is what happened since the last Reset.
type Result struct {
	Sent, Received uint64
	// Delay of stamped packets, from before they are sent until the kernel has
	// what was sent on: what the generator takes to look at it is not in it.
	P50, P99, Max time.Duration
}

// New starts a generator; Close ends it.
func New(o Options) (*Generator, error) {
	if len(o.Formats) == 0 {
		o.Formats = []string{"PCMU"}
	}
	if o.Ptime == 0 {
		o.Ptime = 20 * time.Millisecond
	}
	if o.Ptime%(20*time.Millisecond) != 0 || o.Ptime < 0 || o.Ptime > maxPtime || o.Legs < 1 || o.Legs > 1<<20 {
		return nil, fmt.Errorf("rtpload: %d legs with packets of %s", o.Legs, o.Ptime)
	}
	formats := make([]codec.Format, len(o.Formats))
	for i, name := range o.Formats {
		f, ok := codec.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("rtpload: no format %q", name)
		}
		formats[i] = f
	}
	fd, port, err := socket(netip.IPv4Unspecified())
	if err != nil {
		return nil, err
	}
	if err := equip(fd, o.Stamp); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	g := &Generator{
		options: o, fd: fd, port: port, legs: make([]leg, o.Legs), done: make(chan struct{}),
		slots: int(o.Ptime / slot), payload: 8 * int(o.Ptime/time.Millisecond),
	}
	g.fill(formats)
	procs(1) // for the thread that sleeps without telling the scheduler
	go g.run()
	return g, nil
}

// equip gives the socket room for what many legs receive, and the options that
// make it cheap and its times true.
func equip(fd int, stamp bool) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<20) // the system's limit then
	}
	// Packets that are not to be split need no number, which spares the kernel some work.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
	if stamp {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			return fmt.Errorf("rtpload: times of arrival: %w", err)
		}
	}
	return nil
}

// fill prepares the packets.
func (g *Generator) fill(formats []codec.Format) {
	for _, f := range formats {
		g.tones = append(g.tones, g.compose(f))
	}
	g.out.init()
	g.in.init()
	size := header + g.payload
	all := make([]byte, len(g.legs)*size)
	for i := range g.legs {
		p := all[i*size : (i+1)*size : (i+1)*size]
		p[0], p[1] = 0x80, formats[i%len(formats)].PayloadType
		binary.BigEndian.PutUint32(p[8:], uint32(i+1))
		g.legs[i].packet = p
	}
}

func socket(ip netip.Addr) (fd int, port uint16, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, 0, fmt.Errorf("rtpload: socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: ip.As4()}); err != nil {
		return -1, 0, errors.Join(fmt.Errorf("rtpload: bind: %w", err), unix.Close(fd))
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return -1, 0, errors.Join(fmt.Errorf("rtpload: getsockname: %w", err), unix.Close(fd))
	}
	return fd, uint16(name.(*unix.SockaddrInet4).Port), nil
}

// compose encodes a tone of whole periods.
func (g *Generator) compose(f codec.Format) (tone [tones][]byte) {
	enc := f.NewEncoder()
	pcm := make([]int16, f.SampleRate/1000*int(g.options.Ptime/time.Millisecond))
	at := 0
	for i := range tone {
		for j := range pcm {
			if !g.options.Silent {
				pcm[j] = int16(3000 * math.Sin(2*math.Pi*400*float64(at)/float64(f.SampleRate)))
			}
			at++
		}
		tone[i] = make([]byte, g.payload)
		enc.Encode(tone[i], pcm)
	}
	return tone
}

// Addr is the address of a leg, for the session description.
func (g *Generator) Addr(n int) netip.AddrPort { return netip.AddrPortFrom(address(n), g.port) }

// address gives legs 127.1.0.1 and on, without 0 and 255 at the end.
func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + n/(254*250)), byte(n / 254 % 250), byte(1 + n%254)})
}

// Ptime is how much sound is in a packet.
func (g *Generator) Ptime() time.Duration { return g.options.Ptime }

// Connect lets a leg send to the server's port from now on.
func (g *Generator) Connect(n int, server netip.AddrPort) {
	ip := server.Addr().Unmap().As4()
	g.legs[n].server.Store(uint64(binary.BigEndian.Uint32(ip[:]))<<16 | uint64(server.Port()))
}

// Disconnect ends it.
func (g *Generator) Disconnect(n int) { g.legs[n].server.Store(0) }

// Reset starts the counts anew.
func (g *Generator) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent, g.received, g.delays = 0, 0, g.delays[:0]
}

// Result tells what happened since Reset.
func (g *Generator) Result() Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := Result{Sent: g.sent, Received: g.received}
	if n := len(g.delays); n > 0 {
		slices.Sort(g.delays)
		r.P50, r.P99, r.Max = g.delays[n/2], g.delays[n*99/100], g.delays[n-1]
	}
	return r
}

// CPU is the processor time that the generator itself has used, to be taken off
// the process's when the server runs in it.
func (g *Generator) CPU() time.Duration { return time.Duration(g.cpu.Load()) }

// Close ends the generator.
func (g *Generator) Close() error {
	g.stop.Store(true)
	<-g.done
	procs(-1)
	return unix.Close(g.fd)
}

func procs(n int) { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n) }

func (g *Generator) run() {
	runtime.LockOSThread() // for its processor time; the thread ends with it
	defer close(g.done)
	next := time.Now()
	for at := 0; !g.stop.Load(); at = (at + 1) % g.slots {
		if wait := time.Until(next); wait > 0 {
			ts := unix.NsecToTimespec(int64(wait))
			_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0) // an early end does no harm
		}
		next = next.Add(slot)
		g.sendSlot(at)
		g.receiveAll()
		g.cpu.Store(int64(threadTime()))
	}
}

// clock is the time as the kernel stamps arrivals.
func clock() time.Duration { return time.Duration(time.Now().UnixNano()) }

func threadTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ProcessTime is the processor time of the whole process.
func ProcessTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (g *Generator) sendSlot(at int) {
	n := 0
	for i := at; i < len(g.legs); i += g.slots {
		l := &g.legs[i]
		server := l.server.Load()
		if server == 0 {
			continue
		}
		l.seq++
		l.ts += uint32(g.payload)
		binary.BigEndian.PutUint16(l.packet[2:], l.seq)
		binary.BigEndian.PutUint32(l.packet[4:], l.ts)
		copy(l.packet[header:], g.tones[i%len(g.tones)][int(l.seq)%tones])
		if g.options.Stamp {
			binary.BigEndian.PutUint64(l.packet[header:], uint64(clock()))
		}
		g.out.set(n, l.packet, uint32(server>>16), uint16(server), address(i))
		if n++; n == sendBatch {
			g.flush(n)
			n = 0
		}
	}
	g.flush(n)
}

func (g *Generator) flush(n int) {
	for at := 0; at < n; {
		k, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(g.fd),
			uintptr(unsafe.Pointer(&g.out.headers[at])), uintptr(n-at), unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			at++ // this one is lost
			continue
		}
		at += int(k)
	}
	g.mu.Lock()
	g.sent += uint64(n)
	g.mu.Unlock()
}

func (g *Generator) receiveAll() {
	for {
		k, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(g.fd),
			uintptr(unsafe.Pointer(&g.in.headers[0])), receiveBatch, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 || k == 0 {
			return
		}
		g.mu.Lock()
		g.received += uint64(k)
		if g.options.Stamp {
			for i := range int(k) {
				g.measure(i)
				g.in.rearm(i)
			}
		}
		g.mu.Unlock()
		if k < receiveBatch {
			return
		}
	}
}

// measure notes the delay of the stamped packet in place i; other packets
// (silence before the relay began) hold no plausible time.
func (g *Generator) measure(i int) {
	packet := g.in.packet(i)
	at, known := g.in.arrived(i)
	if !known || len(packet) != header+g.payload {
		return
	}
	delay := at - time.Duration(binary.BigEndian.Uint64(packet[header:]))
	if delay >= 0 && delay < 10*time.Second && len(g.delays) < 1<<22 {
		g.delays = append(g.delays, delay)
	}
}
