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
	"time"

	"offhook/resource"
	"offhook/store"
)

// imported is the answer to many rows at once.
type imported[T any] struct {
	Imported int      `json:"imported" doc:"How many were added"`
	Known    int      `json:"known" doc:"How many were there already"`
	Skipped  int      `json:"skipped" doc:"How many were not added, with skip_bad"`
	Faults   []Detail `json:"faults" doc:"Why; path is [index] of a list or [line] of a file, the first 1000"`
	Result   []*T     `json:"result" doc:"The first 100 that were added"`
}

const (
	importChunk  = 256             // rows of one transaction, so that calls need not wait for an import
	maxFaults    = 1000            // told of one import
	importEnd    = 5 * time.Minute // to remove a large one on a busy machine; what is left then goes at the next start
	shownResults = 100
)

// importTypes are the types of files that are imported, beside JSON lists.
var importTypes = []string{"text/csv", lineStream}

// importQuery is what can be said of an import.
var importQuery = []parameter{{name: "skip_bad", doc: "true: add what is right and report the rest", enum: []any{"true", "false"}}}

// importDoc tells of progress.
const importDoc = "Nobody sees any before all are stored. With Accept: application/x-ndjson the answer is a line of progress " +
	"each second or 5,000 lines, and at last the report or {\"error\": …}, with status 200"

// importer adds many rows of one collection at once.
type importer[T any, P store.RowOf[T]] struct {
	rows  *served[T, P]
	noun  string                                          // one of them, for people
	setup func(*T)                                        // completes a row; may be nil
	known func(ctx context.Context, row *T) (bool, error) // rows that are there already are no fault; may be nil
	same  func(*T) string                                 // what no two rows of an import may share, unless known is set
	event resource.Event                                  // of its progress; without a ResourceID it is the import's
	show  func(resource.Import)                           // told of its progress; may be nil
}

// entry is one row of an import and where it came from.
type entry struct {
	place string // [index] or [line]
	raw   json.RawMessage
	fault string // why there is no raw
}

// add adds one row, or many: a list, CSV or NDJSON.
func (m *importer[T, P]) add(r *request) (any, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var entries []entry
	var err error
	switch body := bytes.TrimSpace(r.raw); {
	case kind == "text/csv":
		entries, err = readCSV(r.raw)
	case kind == lineStream:
		entries = readLines(r.raw)
	case len(body) > 0 && body[0] == '[':
		entries, err = readList(body)
	default:
		row, err := m.rows.create(r.Context(), r.who, r.raw, m.setup, nil)
		if err != nil {
			return nil, err
		}
		return m.rows.reveal(r.Context(), row), nil
	}
	if err != nil {
		return nil, err
	}
	p := m.rows.s.begin(r, m.event, m.show, len(entries))
	report, err := m.all(r, entries, p)
	return p.end(report, err)
}

// all checks all entries and adds them. What is right is stored, unseen, while
// the rest is checked; when nothing is to be added after all, that is removed.
func (m *importer[T, P]) all(r *request, entries []entry, p *progress) (*imported[T], error) {
	report := &imported[T]{Faults: []Detail{}, Result: []*T{}}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s := m.stage(ctx, p)
	good, err := m.check(r, entries, p, s, report)
	if err == nil {
		p.storing()
	} else {
		cancel()
	}
	if err := s.finish(m, err); err != nil {
		return nil, err
	}
	for _, row := range good {
		m.rows.s.changed(m.rows.name, "created", row)
	}
	report.Imported = len(good)
	for _, row := range good[:min(shownResults, len(good))] {
		report.Result = append(report.Result, m.rows.reveal(r.Context(), row))
	}
	return report, nil
}

// check holds all entries against the rules and gives what is right to the stage,
// until something is wrong that is not to be skipped.
func (m *importer[T, P]) check(r *request, entries []entry, p *progress, s *staging[T, P], report *imported[T]) ([]*T, error) {
	skip := r.URL.Query().Get("skip_bad") == "true"
	var good []*T
	seen := map[string]bool{}
	for _, e := range entries {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		row, faults := m.read(r, e, seen)
		switch {
		case len(faults) > 0:
			report.Skipped++
			if len(report.Faults) < maxFaults {
				report.Faults = append(report.Faults, faults...)
			}
		case row == nil:
			report.Known++
		default:
			good = append(good, row)
			if report.Skipped == 0 || skip {
				s.add(row)
			}
		}
		p.checked(len(faults), row == nil)
	}
	if report.Skipped > 0 && !skip {
		e := invalid(report.Faults)
		e.Message = fmt.Sprintf("%d of %d %ss have faults, so none was added (skip_bad=true adds the others): %s", report.Skipped, len(entries), m.noun, e.Message)
		return nil, e
	}
	return good, nil
}

// read holds one entry against the rules; nil without faults is a row that is
// there already.
func (m *importer[T, P]) read(r *request, e entry, seen map[string]bool) (*T, []Detail) {
	if e.raw == nil {
		return nil, []Detail{{Path: e.place, Reason: "INVALID_VALUE", Message: e.fault}}
	}
	row, _, err := m.rows.fromBody(r.Context(), r.who, e.raw, m.setup)
	if err == nil {
		key := m.same(row)
		again := seen[key]
		seen[key] = true
		switch {
		case again && m.known == nil:
			err = taken(m.noun+" of this import", key)
		case again:
			return nil, nil
		case m.known != nil:
			var there bool
			if there, err = m.known(r.Context(), row); there {
				return nil, nil
			}
		}
	}
	if err == nil {
		return row, nil
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

// staging stores rows in chunks while others are checked.
type staging[T any, P store.RowOf[T]] struct {
	rows   *store.Stage[T, P]
	chunk  []*T
	chunks chan []*T
	done   chan error
}

// stage begins to store rows, unseen.
func (m *importer[T, P]) stage(ctx context.Context, p *progress) *staging[T, P] {
	s := &staging[T, P]{rows: m.rows.rows.NewStage(m.rows.s.db), chunks: make(chan []*T, 4), done: make(chan error, 1)}
	go func() {
		var err error
		for chunk := range s.chunks {
			if err == nil {
				err = s.rows.Add(ctx, chunk)
			}
			if err == nil {
				p.stored(len(chunk))
			}
		}
		s.done <- err
	}()
	return s
}

func (s *staging[T, P]) add(row *T) {
	if s.chunk = append(s.chunk, row); len(s.chunk) == importChunk {
		s.chunks <- s.chunk
		s.chunk = nil
	}
}

// finish lets everybody see the rows, or, after a fault, removes them. That does
// not depend on the client, who may have gone.
func (s *staging[T, P]) finish(m *importer[T, P], fault error) error {
	if fault == nil {
		s.chunks <- s.chunk
	}
	close(s.chunks)
	err := <-s.done
	ctx, cancel := context.WithTimeout(m.rows.s.ctx, importEnd)
	defer cancel()
	if fault == nil && err == nil {
		if err = s.rows.Publish(ctx); err == nil {
			return nil
		}
	}
	var other *store.TakenError
	if errors.As(err, &other) {
		err = taken(m.noun, other.ID)
	}
	if fault != nil {
		err = fault
	}
	return errors.Join(err, s.rows.Discard(ctx))
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

// readCSV reads a header line and a line for each row. A destination is
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

// recordJSON makes a row's body of a line.
func recordJSON(header, record []string) json.RawMessage {
	row := map[string]any{}
	for i, name := range header {
		switch {
		case record[i] == "":
		case name == "destination":
			row["destination_0"] = parseAddress(record[i])
		case strings.HasPrefix(name, "destination_"):
			row[name] = parseAddress(record[i])
		default:
			row[name] = record[i]
		}
	}
	raw, err := json.Marshal(row)
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
