package api

import (
	"context"
	"net/http"
	"regexp"

	"offhook/flow"
	"offhook/resource"
	"offhook/store/rows"
)

var pinForm = regexp.MustCompile(`^[0-9]{0,32}$`)

func (s *Server) registerConferences() {
	rooms := serve(s, collection[resource.Conference, *resource.Conference]{
		path: "conferences", name: "conference", rows: rows.Conferences, verbs: plain,
		writable: "type name detail data timeout pre_flow_id post_flow_id max_participants pin entry_tone start_on_moderator end_on_moderator_leave",
		emits:    "created updated deleted",
		fresh: func(c *resource.Conference) {
			c.Type, c.Status = orElse(c.Type, "conference"), orElse(c.Status, "active")
		},
		check: checkConference,
		remove: func(ctx context.Context, c *resource.Conference) error {
			if s.cfg.Conferences != nil {
				if err := s.cfg.Conferences.Close(ctx, c.CustomerID, c.ID); err != nil {
					return err
				}
			}
			return s.closed(ctx, c)
		},
	})
	roomCommand(s, rooms, "recording_start", "Record the whole conference", func(r *request, live Conferences, b *recordingBody) error {
		_, err := live.RecordStart(r.Context(), r.who.CustomerID, r.id(), b.request())
		return err
	})
	roomCommand(s, rooms, "recording_stop", "Stop the newest recording", func(r *request, live Conferences, _ *none) error {
		return live.RecordStop(r.Context(), r.who.CustomerID, r.id())
	})
	roomCommand(s, rooms, "talk", "Speak to everybody", func(r *request, live Conferences, b *talkBody) error {
		if b.Text == "" {
			return invalid([]Detail{{Path: "text", Reason: "MISSING_FIELD", Message: "say what to speak"}})
		}
		return live.Play(r.who.CustomerID, r.id(), b.prompt())
	})
	roomCommand(s, rooms, "play", "Play a file to everybody", func(r *request, live Conferences, b *playBody) error {
		c := s.check(r)
		c.streams(b.StreamURLs)
		if len(b.StreamURLs) > 1 {
			c.fault("stream_urls", "INVALID_VALUE", "a conference plays one file at a time")
		}
		if err := c.err(); err != nil {
			return err
		}
		return live.Play(r.who.CustomerID, r.id(), flow.Prompt{Kind: flow.PromptURL, URL: b.StreamURLs[0]})
	})
	s.registerConferenceTranscribes(rooms)
	s.registerConferencecalls()
}

// roomCommand registers a command on one conference. It answers with the
// conference.
func roomCommand[B any](s *Server, rooms *served[resource.Conference, *resource.Conference], name, doc string, act func(*request, Conferences, *B) error) {
	e := endpoint{method: http.MethodPost, path: "/conferences/{id}/" + name, name: camel("conference " + name), tag: "conferences", doc: doc}
	command(s, e, func(r *request, b *B) (*resource.Conference, error) {
		if _, err := rooms.load(r.Context(), r.who, r.id()); err != nil {
			return nil, err
		}
		if s.cfg.Conferences == nil {
			return nil, notConfigured("conferences")
		}
		if err := act(r, s.cfg.Conferences, b); err != nil {
			return nil, err
		}
		row, err := rooms.load(r.Context(), r.who, r.id())
		if err != nil {
			return nil, err
		}
		return rooms.reveal(r.Context(), row), nil
	})
}

// closed reads a conference that has just been closed, so that the answer and the
// event of its deletion show its end.
func (s *Server) closed(ctx context.Context, c *resource.Conference) error {
	if err := s.db.Flush(ctx); err != nil {
		return err
	}
	row, err := rows.Conferences.Load(ctx, s.db, c.CustomerID, c.ID)
	if err != nil {
		return s.orNotFound("conference", c.ID, err)
	}
	*c = *row
	if c.TMEnd == nil { // nobody was in it
		c.Status, c.TMEnd = "terminated", resource.Now()
	}
	return nil
}

func checkConference(c *check, row *resource.Conference) {
	c.oneOf("type", row.Type, "conference", "connect", "queue")
	c.atLeast("timeout", row.Timeout, 0)
	c.atLeast("max_participants", row.MaxParticipants, 0)
	refersToFlow(c, "pre_flow_id", row.PreFlowID)
	refersToFlow(c, "post_flow_id", row.PostFlowID)
	if !pinForm.MatchString(row.Pin) {
		c.fault("pin", "INVALID_VALUE", "must be up to 32 digits")
	}
}

// conferenceTranscribeBody is the body of transcribe_start.
type conferenceTranscribeBody struct {
	Language    string `json:"language" doc:"BCP 47; en-US by default"`
	Provider    string `json:"provider" doc:"The engine"`
	OnEndFlowID string `json:"on_end_flow_id" doc:"Runs when the transcription has ended"`
}

func (s *Server) registerConferenceTranscribes(rooms *served[resource.Conference, *resource.Conference]) {
	act := func(name, doc string) endpoint {
		return endpoint{method: http.MethodPost, path: "/conferences/{id}/" + name, name: camel("conference " + name), tag: "conferences", doc: doc}
	}
	command(s, act("transcribe_start", "Turn what is said into text"), func(r *request, b *conferenceTranscribeBody) (*resource.Conference, error) {
		room, err := rooms.load(r.Context(), r.who, r.id())
		if err != nil {
			return nil, err
		}
		if s.cfg.Transcribes == nil {
			return nil, notConfigured("transcription (speech.stt)")
		}
		_, err = s.cfg.Transcribes.Start(r.Context(), r.who.CustomerID, TranscribeRequest{
			ReferenceType: "conference", ReferenceID: room.ID, Language: orElse(b.Language, "en-US"), Direction: "both", Provider: b.Provider, OnEndFlowID: b.OnEndFlowID,
		})
		if err != nil {
			return nil, err
		}
		room, err = rooms.load(r.Context(), r.who, r.id())
		return room, err
	})
	command(s, act("transcribe_stop", "Stop the transcription"), func(r *request, _ *none) (*resource.Conference, error) {
		room, err := rooms.load(r.Context(), r.who, r.id())
		if err != nil || room.TranscribeID == "" {
			return room, err
		}
		if s.cfg.Transcribes == nil {
			return nil, notConfigured("transcription (speech.stt)")
		}
		if _, err := s.cfg.Transcribes.Stop(r.Context(), r.who.CustomerID, room.TranscribeID); err != nil {
			return nil, err
		}
		return rooms.load(r.Context(), r.who, r.id())
	})
}

func (s *Server) registerConferencecalls() {
	members := serve(s, collection[resource.Conferencecall, *resource.Conferencecall]{
		path: "conferencecalls", name: "conferencecall", rows: rows.Conferencecalls, verbs: readOnly,
		filters: map[string]string{"conference_id": rows.KeyParent},
		show: func(_ context.Context, c *resource.Conferencecall) {
			c.Talking = c.Status == "joined" && s.cfg.Conferences != nil && s.cfg.Conferences.Talking(c.CustomerID, c.ID)
		},
	})
	by := []parameter{{name: "by", doc: "The conferencecall of the member who asks for it: a moderator may act on others, a participant on itself. Without it the owner of the access key acts"}}
	act := func(method, path, name, doc string, do func(r *request) error) {
		query(s, endpoint{method: method, path: "/conferencecalls/{id}" + path, name: name, tag: "conferencecalls", doc: doc, query: by},
			func(r *request) (*resource.Conferencecall, error) {
				row, err := members.load(r.Context(), r.who, r.id())
				if err != nil || row.Status == "leaved" {
					return row, err
				}
				if s.cfg.Conferences == nil {
					return nil, notConfigured("conferences")
				}
				if who := r.URL.Query().Get("by"); who != "" {
					if err := s.cfg.Conferences.May(r.who.CustomerID, who, r.id()); err != nil {
						return nil, err
					}
				}
				if err := do(r); err != nil {
					return nil, err
				}
				row, err = members.load(r.Context(), r.who, r.id())
				if err != nil {
					return nil, err
				}
				return members.reveal(r.Context(), row), nil
			})
	}
	mute := func(on bool) func(*request) error {
		return func(r *request) error { return s.cfg.Conferences.Mute(r.who.CustomerID, r.id(), on) }
	}
	kick := func(r *request) error { return s.cfg.Conferences.Kick(r.who.CustomerID, r.id()) }
	act(http.MethodPost, "/mute", "muteConferencecall", "Nobody hears this member", mute(true))
	act(http.MethodDelete, "/mute", "unmuteConferencecall", "This member is heard again", mute(false))
	act(http.MethodPost, "/unmute", "unmuteConferencecallByPost", "This member is heard again", mute(false))
	act(http.MethodPost, "/kick", "kickConferencecall", "Remove this member", kick)
	act(http.MethodDelete, "", "deleteConferencecall", "Remove this member", kick)
}
