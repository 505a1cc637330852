package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// imported is the answer to many targets at once.
type imported struct {
	Imported int                       `json:"imported" doc:"How many were added"`
	Skipped  int                       `json:"skipped" doc:"How many were not, with skip_bad"`
	Faults   []Detail                  `json:"faults" doc:"Why; path is [index] of a list or [line] of a file, the first 1000"`
	Result   []*resource.OutdialTarget `json:"result" doc:"The first 100 that were added"`
}

const (
	importChunk  = 500  // rows of one transaction, so that calls need not wait for an import
	maxFaults    = 1000 // told of one import
	shownResults = 100
)

// entry is one target of an import and where it came from.
type entry struct {
	place string // [index] or [line]
	raw   json.RawMessage
	fault string // why there is no raw
}

// addTargets adds one target or many.
func (s *Server) addTargets(r *request, targets *served[resource.OutdialTarget, *resource.OutdialTarget]) (any, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var entries []entry
	var err error
	switch body := bytes.TrimSpace(r.raw); {
	case kind == "text/csv":
		entries, err = readCSV(r.raw)
	case kind == "application/x-ndjson":
		entries = readLines(r.raw)
	case len(body) > 0 && body[0] == '[':
		entries, err = readList(body)
	default:
		row, err := targets.create(r.Context(), r.who, r.raw, func(t *resource.OutdialTarget) { t.OutdialID = r.id() }, nil)
		if err != nil {
			return nil, err
		}
		return targets.reveal(r.Context(), row), nil
	}
	if err != nil {
		return nil, err
	}
	return s.importTargets(r, targets, entries)
}

// importTargets checks all entries, then adds them.
func (s *Server) importTargets(r *request, targets *served[resource.OutdialTarget, *resource.OutdialTarget], entries []entry) (*imported, error) {
	report := &imported{Faults: []Detail{}, Result: []*resource.OutdialTarget{}}
	var good []*resource.OutdialTarget
	seen := map[string]bool{}
	for _, e := range entries {
		t, faults := s.readTarget(r, targets, e, seen)
		if len(faults) == 0 {
			good = append(good, t)
			continue
		}
		report.Skipped++
		if len(report.Faults) < maxFaults {
			report.Faults = append(report.Faults, faults...)
		}
	}
	if report.Skipped > 0 && r.URL.Query().Get("skip_bad") != "true" {
		e := invalid(report.Faults)
		e.Message = fmt.Sprintf("%d of %d targets have faults, so none was added (skip_bad=true adds the others): %s", report.Skipped, len(entries), e.Message)
		return nil, e
	}
	if err := s.insertTargets(r.Context(), good); err != nil {
		return nil, err
	}
	for _, t := range good {
		s.changed("outdialtarget", "created", t)
	}
	report.Imported = len(good)
	for _, t := range good[:min(shownResults, len(good))] {
		report.Result = append(report.Result, targets.reveal(r.Context(), t))
	}
	return report, nil
}

// readTarget holds one entry against the rules.
func (s *Server) readTarget(r *request, targets *served[resource.OutdialTarget, *resource.OutdialTarget], e entry, seen map[string]bool) (*resource.OutdialTarget, []Detail) {
	if e.raw == nil {
		return nil, []Detail{{Path: e.place, Reason: "INVALID_VALUE", Message: e.fault}}
	}
	t, _, err := targets.fromBody(r.Context(), r.who, e.raw, func(t *resource.OutdialTarget) { t.OutdialID = r.id() })
	if err == nil && seen[t.ID] {
		err = taken("target of this import", t.ID)
	}
	if err == nil {
		seen[t.ID] = true
		return t, nil
	}
	var known *Error
	if !errors.As(err, &known) {
		return nil, []Detail{{Path: e.place, Reason: "INTERNAL", Message: "can't be checked now"}}
	}
	if len(known.Details) == 0 {
		return nil, []Detail{{Path: e.place, Reason: known.Reason, Message: known.Message}}
	}
	for i := range known.Details {
		known.Details[i].Path = e.place + "." + known.Details[i].Path
	}
	return nil, known.Details
}

// insertTargets adds rows in chunks. When one fails, what was added is taken
// back, so that nothing is half done.
func (s *Server) insertTargets(ctx context.Context, all []*resource.OutdialTarget) error {
	done := 0
	for chunk := range slices.Chunk(all, importChunk) {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			for _, t := range chunk {
				if err := rows.OutdialTargets.Insert(tx, t); err != nil {
					if errors.Is(err, store.ErrExists) {
						return taken("target", t.ID)
					}
					return err
				}
			}
			return nil
		})
		if err != nil {
			return errors.Join(err, s.removeTargets(all[:done]))
		}
		done += len(chunk)
	}
	return nil
}

// removeTargets takes an unfinished import back. It does not depend on the
// request, whose client may have gone.
func (s *Server) removeTargets(all []*resource.OutdialTarget) error {
	ctx, cancel := context.WithTimeout(s.ctx, liveTimeout)
	defer cancel()
	for chunk := range slices.Chunk(all, importChunk) {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			for _, t := range chunk {
				if err := rows.OutdialTargets.Delete(tx, t.CustomerID, t.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("take back an unfinished import: %w", err)
		}
	}
	return nil
}

func readList(body []byte) ([]entry, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, badJSON(body, 0, err)
	}
	entries := make([]entry, len(list))
	for i, raw := range list {
		entries[i] = entry{place: fmt.Sprintf("[%d]", i), raw: raw}
	}
	return entries, nil
}

func readLines(body []byte) []entry {
	var entries []entry
	for i, line := range bytes.Split(body, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		e := entry{place: fmt.Sprintf("[%d]", i+1), raw: bytes.Clone(line)}
		if !json.Valid(line) {
			e.raw, e.fault = nil, "the line is not JSON"
		}
		entries = append(entries, e)
	}
	return entries
}

// readCSV reads a header line and a line for each target. A destination is
// type:target, or a number alone.
func readCSV(body []byte) ([]entry, error) {
	r := csv.NewReader(bytes.NewReader(body))
	r.FieldsPerRecord = -1
	r.ReuseRecord = false
	header, err := r.Read()
	if err != nil {
		return nil, newError("INVALID_ARGUMENT", "INVALID_CSV", "the first line must name the columns, such as name,destination_0: %v", err)
	}
	for i := range header {
		header[i] = strings.TrimSpace(strings.TrimPrefix(header[i], "\ufeff"))
	}
	var entries []entry
	for {
		record, err := r.Read()
		if err == io.EOF {
			return entries, nil
		}
		line, _ := r.FieldPos(0)
		e := entry{place: fmt.Sprintf("[%d]", line)}
		var parse *csv.ParseError
		switch {
		case errors.As(err, &parse):
			e.place, e.fault = fmt.Sprintf("[%d]", parse.Line), parse.Err.Error()
		case err != nil:
			return nil, newError("INVALID_ARGUMENT", "INVALID_CSV", "%v", err)
		case len(record) != len(header):
			e.fault = fmt.Sprintf("the line has %d fields, the header %d", len(record), len(header))
		default:
			e.raw = recordJSON(header, record)
		}
		entries = append(entries, e)
	}
}

// recordJSON makes a target's body of a line.
func recordJSON(header, record []string) json.RawMessage {
	target := map[string]any{}
	for i, name := range header {
		switch {
		case record[i] == "":
		case name == "destination":
			target["destination_0"] = parseAddress(record[i])
		case strings.HasPrefix(name, "destination_"):
			target[name] = parseAddress(record[i])
		default:
			target[name] = record[i]
		}
	}
	raw, err := json.Marshal(target)
	if err != nil {
		return nil // strings and addresses always encode
	}
	return raw
}

// parseAddress reads type:target; without a known type it is a number.
func parseAddress(text string) resource.Address {
	kind, target, ok := strings.Cut(strings.TrimSpace(text), ":")
	known := []string{resource.TypeTel, resource.TypeSIP, resource.TypeExtension, resource.TypeAgent, resource.TypeConference, resource.TypeQueue}
	if ok && slices.Contains(known, kind) {
		return resource.Address{Type: kind, Target: target}
	}
	return resource.Address{Type: resource.TypeTel, Target: strings.TrimSpace(text)}
}
