package campaign

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"offhook/resource"
	"offhook/store/rows"
)

// childDir names the folder of the store to the process that is killed.
const childDir = "OFFHOOK_CAMPAIGN_CHILD"

const killTargets = 150

// TestKilled ends a process that dials at random moments by SIGKILL, and starts
// it again, until all targets are done. No target may be dialled again that was
// answered, and none may be forgotten.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	answered, placed, kills := map[string]bool{}, 0, 0
	for finished := false; !finished; kills++ {
		if kills > 100 {
			t.Fatal("100 processes did not get to the end")
		}
		limit := time.Duration(80+random.IntN(400)) * time.Millisecond
		for _, line := range runChild(t, dir, limit) {
			what, id, _ := strings.Cut(line, " ")
			switch what {
			case "placed":
				placed++
				if answered[id] {
					t.Errorf("%s is dialled again after it answered", id)
				}
			case "answered":
				answered[id] = true
			case "finished":
				finished = true
			}
		}
	}
	r := newRig(t, dir)
	defer r.stop()
	for i := range killTargets {
		if got := r.target(i); got.Status != "done" {
			t.Errorf("%+v", got)
		} else if got.Result == ResultExhausted && answered[got.ID] {
			t.Errorf("%s answered and is exhausted", got.ID)
		}
	}
	t.Logf("%d processes, %d calls, %d answered", kills, placed, len(answered))
}

// runChild runs this test's binary as the dialer until it has finished or the
// time is over, and returns what it printed.
func runChild(t *testing.T, dir string, limit time.Duration) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledChild$", "-test.v")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	scanner := bufio.NewScanner(out)
	var timer *time.Timer
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
		if scanner.Text() == "started" {
			timer = time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		}
	}
	_ = cmd.Wait() // killed, as it should be
	return lines
}

// TestKilledChild is the process that is killed.
func TestKilledChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("run by TestKilled")
	}
	r := newRig(t, dir, func(r *rig) { r.grace = time.Millisecond }) // a call that was not heard of never is
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	delays := make(chan time.Duration, 1000)
	for range cap(delays) {
		delays <- time.Duration(random.IntN(60)) * time.Millisecond
	}
	r.line.answer = func(c *fakeCall) {
		id := c.Variables["voipbin.outdialtarget.id"]
		fmt.Println("placed", id)
		d := <-delays
		time.Sleep(d)
		if d%3 == 0 {
			c.hangUp("busy")
			return
		}
		c.pickUp()
		if err := r.db.Flush(context.Background()); err != nil {
			t.Error(err)
		}
		fmt.Println("answered", id)
		time.Sleep(d)
		c.hangUp("normal")
	}
	if _, err := rows.Campaigns.Load(t.Context(), r.db, customer, "camp"); err != nil {
		r.fill(killTargets, func(c *resource.Campaign, p *resource.Outplan) {
			c.MaxConcurrentCalls, p.TryInterval, p.MaxTryCount0, p.DialTimeout = 20, 1, 50, 80
		})
	}
	closeCalls(r)
	fmt.Println("started")
	if err := r.d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := r.campaign(); c.Status != "run" {
		r.set("run")
	}
	for r.campaign().Status == "run" {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println("finished")
	r.stop()
}
