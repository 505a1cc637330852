package api

import (
	"context"
	"strings"
	"testing"

	"offhook/flow"
	"offhook/resource"
	"offhook/store/rows"
)

// services stand for conferences, queues, campaigns, speech and assistants;
// they write down what they are asked.
type services struct{ asked []string }

func (s *services) note(words ...string) { s.asked = append(s.asked, strings.Join(words, " ")) }

func (s *services) take() string {
	defer func() { s.asked = nil }()
	return strings.Join(s.asked, ", ")
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

type rooms struct{ *services }

func (s rooms) Talking(_, id string) bool { return id == "in" }
func (s rooms) May(_, by, id string) error {
	s.note("may", by, id)
	return nil
}

func (s rooms) Mute(_, id string, on bool) error            { s.note("mute", id, onOff(on)); return nil }
func (s rooms) Kick(_, id string) error                     { s.note("kick", id); return nil }
func (s rooms) Close(_ context.Context, _, id string) error { s.note("close", id); return nil }
func (s rooms) RecordStop(_ context.Context, _, id string) error {
	s.note("record stop", id)
	return nil
}

func (s rooms) Play(_, id string, p flow.Prompt) error { s.note("play", id, p.Text+p.URL); return nil }

func (s rooms) RecordStart(_ context.Context, _, id string, r flow.RecordRequest) (resource.Recording, error) {
	s.note("record", id, r.Format)
	return resource.Recording{}, nil
}

type lines struct{ *services }

func (s lines) SetAgentStatus(_ context.Context, _, id, status string) (resource.Agent, error) {
	s.note("agent", id, status)
	return resource.Agent{Status: status, Password: "hidden"}, nil
}
func (s lines) Kick(_ context.Context, _, id string) error { s.note("kick", id); return nil }
func (s lines) Stats(_ context.Context, _, id string) (any, error) {
	return map[string]int{"waiting": 3}, nil
}

type dialer struct{ *services }

func (s dialer) SetStatus(_ context.Context, _, id, status string) (resource.Campaign, error) {
	s.note("campaign", id, status)
	return resource.Campaign{Status: status}, nil
}

func (s dialer) Stats(context.Context, string, string) (any, error) {
	return map[string]int{"placed": 1}, nil
}

func (s dialer) DryRun(context.Context, string, string) (any, error) {
	return map[string]int{"dial": 2}, nil
}

type scribe struct{ *services }

func (s scribe) Start(_ context.Context, _ string, r TranscribeRequest) (resource.Transcribe, error) {
	s.note("transcribe", r.ReferenceType, r.ReferenceID, r.Language, r.Direction)
	return resource.Transcribe{Identity: resource.Identity{ID: "t"}, Status: "progressing"}, nil
}

func (s scribe) Stop(_ context.Context, _, id string) (resource.Transcribe, error) {
	s.note("stop", id)
	return resource.Transcribe{Status: "done"}, nil
}

type advisor struct{ *services }

func (s advisor) Start(_ context.Context, _ string, r AicallRequest) (resource.Aicall, error) {
	s.note("aicall", r.AIID, r.ReferenceID)
	return resource.Aicall{Status: "initiating"}, nil
}

func (s advisor) Terminate(_ context.Context, _, id string) (resource.Aicall, error) {
	s.note("terminate", id)
	return resource.Aicall{Status: "terminated"}, nil
}

func (s advisor) Say(_ context.Context, _, id, role, content string) (resource.Aimessage, error) {
	s.note("say", id, role, content)
	return resource.Aimessage{Role: role, Content: content}, nil
}

// TestServicesAreAsked sends every command on what is live besides calls and
// looks at what reached the service.
func TestServicesAreAsked(t *testing.T) {
	s := &services{}
	b := newBench(t, func(c *Config) {
		c.Conferences, c.Queues, c.Campaigns, c.Transcribes, c.Assistants = rooms{s}, lines{s}, dialer{s}, scribe{s}, advisor{s}
	})
	b.live.place(AdminCustomerID, "call", resource.StatusProgressing, resource.DirectionIncoming)
	insert(b, rows.Conferences, &resource.Conference{Identity: named("room"), Status: "active", TranscribeID: "t"})
	insert(b, rows.Conferencecalls, &resource.Conferencecall{Identity: named("in"), ConferenceID: "room", Status: "joined"},
		&resource.Conferencecall{Identity: named("out"), ConferenceID: "room", Status: "leaved"})
	insert(b, rows.Queues, &resource.Queue{Identity: named("line")})
	insert(b, rows.Queuecalls, &resource.Queuecall{Identity: named("waits"), QueueID: "line", ReferenceID: "call", Status: "waiting"},
		&resource.Queuecall{Identity: named("over"), QueueID: "line", ReferenceID: "gone", Status: "done"})
	insert(b, rows.Agents, &resource.Agent{Identity: named("ann"), Status: "offline"})
	insert(b, rows.Outplans, &resource.Outplan{Identity: named("plan")})
	insert(b, rows.Outdials, &resource.Outdial{Identity: named("list")})
	insert(b, rows.Campaigns, &resource.Campaign{Identity: named("camp"), Status: "stop", OutplanID: "plan", OutdialID: "list"},
		&resource.Campaign{Identity: named("bare"), Status: "stop"}, &resource.Campaign{Identity: named("runs"), Status: "run"})
	insert(b, rows.AIs, &resource.AI{Identity: named("ai")})
	insert(b, rows.Aicalls, &resource.Aicall{Identity: named("talk"), Status: "progressing"}, &resource.Aicall{Identity: named("ended"), Status: "terminated"})
	insert(b, rows.Transcribes, &resource.Transcribe{Identity: named("t"), Status: "progressing"})

	for _, c := range []struct{ method, path, body, answer, asked string }{
		{"POST", "conferences/room/recording_start", `{"format":"mp3"}`, `{"id":"room"}`, "record room mp3"},
		{"POST", "conferences/room/recording_stop", "", `{"id":"room"}`, "record stop room"},
		{"POST", "conferences/room/talk", `{"text":"hello"}`, `{"id":"room"}`, "play room hello"},
		{"POST", "conferences/room/play", `{"stream_urls":["a.wav"]}`, `{"id":"room"}`, "play room a.wav"},
		{"POST", "conferences/room/transcribe_start", `{"language":"de-DE"}`, `{"id":"room"}`, "transcribe conference room de-DE both"},
		{"POST", "conferences/room/transcribe_stop", "", `{"id":"room"}`, "stop t"},
		{"POST", "conferencecalls/in/mute", "", `{"id":"in","talking":true}`, "mute in on"},
		{"POST", "conferencecalls/in/mute?by=other", "", `{"id":"in"}`, "may other in, mute in on"},
		{"DELETE", "conferencecalls/in/mute", "", `{"id":"in"}`, "mute in off"},
		{"POST", "conferencecalls/in/kick", "", `{"id":"in"}`, "kick in"},
		{"DELETE", "conferencecalls/in", "", `{"id":"in"}`, "kick in"},
		{"POST", "conferencecalls/out/kick", "", `{"status":"leaved"}`, ""},
		{"DELETE", "conferences/room", "", `{"id":"room","status":"terminated"}`, "close room"},
		{"POST", "queuecalls/waits/kick", "", `{"id":"waits"}`, "kick waits"},
		{"DELETE", "queuecalls/waits", "", `{"id":"waits"}`, "kick waits"},
		{"POST", "queuecalls/reference_id/call/kick", "", `{"id":"waits"}`, "kick waits"},
		{"POST", "queuecalls/over/kick", "", `{"status":"done"}`, ""},
		{"GET", "queues/line/stats", "", `{"waiting":3}`, ""},
		{"PUT", "agents/ann/status", `{"status":"available"}`, `{"status":"available"}`, "agent ann available"},
		{"PUT", "campaigns/camp/status", `{"status":"run"}`, `{"status":"run"}`, "campaign camp run"},
		{"PUT", "campaigns/runs/status", `{"status":"stop"}`, `{"status":"stop"}`, "campaign runs stop"},
		{"GET", "campaigns/camp/stats", "", `{"placed":1}`, ""},
		{"GET", "campaigns/camp/dry_run", "", `{"dial":2}`, ""},
		{"POST", "transcribes", `{"reference_type":"call","reference_id":"call"}`, `{"id":"t"}`, "transcribe call call en-US both"},
		{"POST", "transcribes/t/stop", "", `{"status":"done"}`, "stop t"},
		{"POST", "aicalls", `{"ai_id":"ai","reference_type":"call","reference_id":"call"}`, `{"status":"initiating"}`, "aicall ai call"},
		{"POST", "aicalls/talk/terminate", "", `{"status":"terminated"}`, "terminate talk"},
		{"POST", "aicalls/ended/terminate", "", `{"status":"terminated"}`, ""},
		{"POST", "aimessages", `{"aicall_id":"talk","content":"hi"}`, `{"role":"user","content":"hi"}`, "say talk user hi"},
	} {
		b.do(c.method, "/v1.0/"+c.path, c.body).ok().has(c.answer)
		if got := s.take(); got != c.asked {
			t.Errorf("%s %s asked %q, want %q", c.method, c.path, got, c.asked)
		}
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		reason             string
	}{
		{"PUT", "campaigns/bare/status", `{"status":"run"}`, 409, "STATE_INVALID"},
		{"DELETE", "campaigns/runs", "", 409, "STATE_INVALID"},
		{"POST", "aimessages", `{"aicall_id":"ended","content":"hi"}`, 409, "STATE_INVALID"},
		{"POST", "aicalls", `{"ai_id":"none"}`, 400, "AI_NOT_FOUND"},
		{"POST", "queuecalls/reference_id/none/kick", "", 404, "QUEUECALL_NOT_FOUND"},
		{"POST", "conferences/none/talk", `{"text":"x"}`, 404, "CONFERENCE_NOT_FOUND"},
	} {
		b.do(c.method, "/v1.0/"+c.path, c.body).refused(c.status, c.reason)
	}
	if got := s.take(); got != "" {
		t.Errorf("refused, but asked %q", got)
	}
}

func TestAgentFilters(t *testing.T) {
	b := newBench(t)
	insert(b, rows.Agents, &resource.Agent{Identity: named("a"), Status: "available", TagIDs: []string{"x"}},
		&resource.Agent{Identity: named("b"), Status: "available", TagIDs: []string{"y"}}, &resource.Agent{Identity: named("c"), Status: "offline", TagIDs: []string{"x"}})
	for query, want := range map[string]string{"status=available": "b a", "tag_ids=x": "c a", "tag_ids=x,y": "c b a", "tag_ids=x&status=available": "a", "tag_ids=z": ""} {
		if ids, _ := b.get("/v1.0/agents?" + query).list(); strings.Join(ids, " ") != want {
			t.Errorf("%s gives %v, want %s", query, ids, want)
		}
	}
	if ids, next := b.get("/v1.0/agents?tag_ids=x&page_size=1").list(); len(ids) != 1 || next == "" {
		t.Errorf("page %v %q", ids, next)
	}
}
