package conform

import (
	"bytes"
	"strings"
)

// spaced are the headers, in all their names, that the parser reads by their
// separators and wants without white space around them.
var spaced = map[string]bool{
	"via": true, "v": true, "from": true, "f": true, "to": true, "t": true, "contact": true, "m": true,
	"route": true, "record-route": true, "refer-to": true, "r": true, "referred-by": true, "b": true, "cseq": true,
}

// Tidy rewrites a message's headers so that white space that RFC 3261 section
// 7.3.1 allows anywhere between the parts of a header does not mislead the
// parser: folded lines become one, and around separators there is none. A
// message that needs none of this is returned as it is, at the cost of reading
// its header once; the body is never touched.
func Tidy(data []byte) []byte {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 || !untidy(data[:end+2]) {
		return data
	}
	out := make([]byte, 0, len(data))
	lines := bytes.Split(data[:end], []byte("\r\n"))
	out = append(append(out, lines[0]...), "\r\n"...)
	for i := 1; i < len(lines); {
		line := lines[i]
		for i++; i < len(lines) && len(lines[i]) > 0 && blank(lines[i][0]); i++ {
			line = append(append(bytes.Clone(line), ' '), bytes.TrimSpace(lines[i])...)
		}
		out = append(tidyLine(out, line), "\r\n"...)
	}
	return append(out, data[end+2:]...)
}

// untidy looks for folded lines, and for white space next to a separator in the
// headers that it matters in. It does not allocate.
func untidy(head []byte) bool {
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		head = rest
		if len(line) > 0 && blank(line[0]) {
			return true
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !isSpaced(bytes.TrimSpace(name)) {
			continue
		}
		for i := 1; i < len(value); i++ {
			before, c := value[i-1], value[i]
			if blank(c) && (separator(before) || blank(before)) || separator(c) && blank(before) {
				return true
			}
		}
	}
	return false
}

func isSpaced(name []byte) bool {
	var lower [16]byte
	if len(name) > len(lower) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	return spaced[string(lower[:len(name)])]
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

func separator(c byte) bool { return c == ';' || c == '=' || c == ',' || c == '/' }

func tidyLine(out, line []byte) []byte {
	name, value, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimSpace(name)
	if !ok || !isSpaced(name) {
		return append(out, line...)
	}
	out = append(append(out, name...), ": "...)
	separators := ";=,"
	if name[0]|0x20 == 'v' {
		separators = ";=,/:"
	}
	return tidyValue(out, bytes.TrimSpace(value), separators)
}

// tidyValue copies a value without the white space around separators; other
// runs of it become one space. Quoted strings and what stands between angle
// brackets are copied as they are.
func tidyValue(out, value []byte, separators string) []byte {
	quoted, angled := false, false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case quoted:
			if c == '\\' && i+1 < len(value) {
				out = append(out, c)
				i++
				c = value[i]
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case angled:
			angled = c != '>'
		case c == '<':
			angled = true
		case blank(c):
			next := i
			for next < len(value) && blank(value[next]) {
				next++
			}
			last := out[len(out)-1]
			tight := strings.IndexByte(separators, last) >= 0 || strings.IndexByte(separators, value[next]) >= 0
			i = next - 1
			if tight || blank(last) {
				continue
			}
			c = ' '
		}
		out = append(out, c)
	}
	return out
}
