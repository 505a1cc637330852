//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a running server in a folder of its own.
type child struct {
	cmd  *exec.Cmd
	dir  string
	http string
	sip  netip.AddrPort
	log  bytes.Buffer
	over chan error

	profiled bool
}

const key = "load"

// startChild starts the server with resources and waits until it is ready.
// profile is the folder for its profiles; empty: none.
func startChild(ctx context.Context, binary, profile, resources string) (*child, error) {
	dir, err := os.MkdirTemp("", "offhook-load-")
	if err != nil {
		return nil, err
	}
	c := &child{dir: dir, over: make(chan error, 1)}
	ports, err := freePorts()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c.http, c.sip = ports[0].String(), ports[1]
	config := fmt.Sprintf("data_dir: %s\naccesskey: %s\nhttp: {listen: %q}\nsip: {listen: [\"udp://%s\"]}\n"+
		"rtp: {ports: 10000-29999}\nshutdown_timeout: 1s\nprovision: [%s]\n",
		dir, key, c.http, c.sip, filepath.Join(dir, "resources.yaml"))
	err = errors.Join(os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(dir, "resources.yaml"), []byte(resources), 0o600))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	args := []string{"serve", "--config", filepath.Join(dir, "config.yaml"), "--log", "warn"}
	if profile != "" {
		args, c.profiled = append(args, "--profile", profile), true
	}
	c.cmd = exec.Command(binary, args...)
	c.cmd.Stdout, c.cmd.Stderr = io.Discard, &c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it never outlives us
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() { c.over <- c.cmd.Wait() }()
	if err := c.ready(ctx); err != nil {
		c.stop()
		return nil, fmt.Errorf("%w; it wrote:\n%s", err, c.log.String())
	}
	return c, nil
}

// freePorts are a TCP and a UDP address that are free now.
func freePorts() (list [2]netip.AddrPort, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return list, err
	}
	defer l.Close()
	u, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return list, err
	}
	defer u.Close()
	list[0] = netip.MustParseAddrPort(l.Addr().String())
	list[1] = netip.MustParseAddrPort(u.LocalAddr().String())
	return list, nil
}

func (c *child) ready(ctx context.Context) error {
	for range 400 {
		select {
		case err := <-c.over:
			c.over <- err
			return fmt.Errorf("the server ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(25 * time.Millisecond):
		}
		if res, err := http.Get("http://" + c.http + "/ping"); err == nil {
			_ = res.Body.Close()
			return nil
		}
	}
	return errors.New("the server is not ready after 10 s")
}

// stop ends the server, orderly or not, and deletes its folder.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.over:
	case <-time.After(15 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.over
	}
	_ = os.RemoveAll(c.dir)
}

// profile asks the server for a profile of its memory when it makes profiles.
func (c *child) profile(ctx context.Context) {
	if c.profiled && c.cmd.Process.Signal(syscall.SIGUSR1) == nil {
		pause(ctx, time.Second) // for it to be written
	}
}

// tick is the unit of /proc's processor times: USER_HZ is 100 wherever Linux is
// told of to programs.
const tick = 10 * time.Millisecond

// cpu is the processor time that the server has used.
func (c *child) cpu() (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(raw), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// memory is the server's resident memory in bytes.
func (c *child) memory() (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(raw)
	if m == nil {
		return 0, errors.New("/proc/PID/status has no VmRSS")
	}
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	return kb << 10, err
}

// metrics reads the server's metrics that have no label.
func (c *child) metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.http+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = v
		}
	}
	return values, nil
}
