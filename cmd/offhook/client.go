package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"offhook/api/client"
	"offhook/resource"
)

// serverFlags find a running server.
type serverFlags struct {
	URL       string `help:"Where the server's API is." env:"OFFHOOK_URL" default:"http://127.0.0.1:8080"`
	Accesskey string `help:"Access key; empty: the one in --data-dir." env:"OFFHOOK_ACCESSKEY" placeholder:"KEY"`
	DataDir   string `help:"The server's data_dir, for its access key." env:"OFFHOOK_DATA_DIR" default:"./data" placeholder:"DIR"`
}

// client connects to the server.
func (f serverFlags) client() (*client.Client, error) {
	key := f.Accesskey
	if key == "" {
		raw, err := os.ReadFile(keyPath(f.DataDir))
		if err != nil {
			return nil, fmt.Errorf("no access key: give --accesskey or OFFHOOK_ACCESSKEY, or --data-dir of a server on this machine (%w)", err)
		}
		key = strings.TrimSpace(string(raw))
	}
	return &client.Client{URL: f.URL, Accesskey: key}, nil
}

// applyCommand creates or updates resources.
type applyCommand struct {
	serverFlags
	File []string `short:"f" required:"" help:"Resources in YAML or JSON: a map from collection to a list of bodies." placeholder:"FILE"`
}

// Run prints a line for each resource.
func (a applyCommand) Run(p program) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	for _, path := range a.File {
		body, err := readResources(path)
		if err != nil {
			return err
		}
		applied, err := c.Apply(p.ctx, body)
		for _, r := range applied {
			fmt.Fprintf(p.stdout, "%s/%s %s\n", r.Collection, r.ID, r.Action)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// callCommand places a test call.
type callCommand struct {
	serverFlags
	Address string `arg:"" help:"Whom to call: +15550000000, tel:..., sip:user@host, extension:1001 or agent:ID."`
	Source  string `help:"Caller id." default:"offhook"`
	Say     string `help:"What to say." default:"This is a test call from off hook. Goodbye."`
	Flow    string `help:"Run this flow instead of saying something." placeholder:"ID"`
}

// address reads "type:target"; a bare number is tel, a bare URI sip.
func address(s string) resource.Address {
	kind, target, ok := strings.Cut(s, ":")
	switch {
	case ok && strings.Contains(" tel extension agent conference queue ", " "+kind+" "):
		return resource.Address{Type: kind, Target: target}
	case ok || strings.Contains(s, "@"):
		return resource.Address{Type: resource.TypeSIP, Target: s}
	}
	return resource.Address{Type: resource.TypeTel, Target: s}
}

// Run places the call and prints each change of its state until it is over.
func (c callCommand) Run(p program) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	body := map[string]any{"source": address(c.Source), "destinations": []resource.Address{address(c.Address)}}
	if c.Flow != "" {
		body["flow_id"] = c.Flow
	} else {
		option, err := json.Marshal(map[string]string{"text": c.Say})
		if err != nil {
			return err
		}
		body["actions"] = []resource.Action{{Type: "talk", Option: option}}
	}
	var placed struct {
		Calls []resource.Call `json:"calls"`
	}
	if err := api.Do(p.ctx, "POST", "/calls", body, &placed); err != nil {
		return err
	}
	if len(placed.Calls) == 0 {
		return errors.New("no call was placed")
	}
	return c.follow(p, api, placed.Calls[0])
}

// follow prints the states of a call.
func (c callCommand) follow(p program, api *client.Client, call resource.Call) error {
	began, last := time.Now(), ""
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for {
		if call.Status != last {
			last = call.Status
			fmt.Fprintf(p.stdout, "%6.1fs %s %s %s\n", time.Since(began).Seconds(), call.ID, call.Status, call.HangupReason)
		}
		if call.Status == resource.StatusHangup {
			if call.TMProgressing == nil {
				return fmt.Errorf("not answered: %s %s", call.HangupReason, call.HangupDetail)
			}
			fmt.Fprintf(p.stdout, "talked for %d s\n", call.Duration)
			return nil
		}
		select {
		case <-poll.C:
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
		if err := api.Do(p.ctx, "GET", "/calls/"+call.ID, nil, &call); err != nil {
			return err
		}
	}
}
