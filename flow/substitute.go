package flow

import "strings"

// VariableName is a field of an option that names a variable. Text without a
// placeholder is the name itself and is not substituted.
type VariableName string

// MaxName bounds names of variables, so that looking for the end of one is cheap.
const MaxName = 256

// maxText bounds what a text can grow to when its variables are filled in; what
// is above it is cut.
const maxText = 1 << 20

// placeholder finds the first ${name} or {{name}} in s. Start and end delimit
// it; ok is false when there is none. There is no escape: a text that is not
// closed is no placeholder.
func placeholder(s string) (start, end int, name string, ok bool) {
	for from := 0; ; {
		at := strings.IndexAny(s[from:], "${")
		if at < 0 {
			return 0, 0, "", false
		}
		start = from + at
		rest := s[start:]
		closing := ""
		switch {
		case strings.HasPrefix(rest, "${"):
			closing = "}"
		case strings.HasPrefix(rest, "{{"):
			closing = "}}"
		}
		if closing != "" {
			if n := strings.Index(rest[2:min(len(rest), 2+MaxName+len(closing))], closing); n >= 0 {
				return start, start + 2 + n + len(closing), strings.TrimSpace(rest[2 : 2+n]), true
			}
		}
		from = start + 1
	}
}

// hasPlaceholder reports whether s holds a variable.
func hasPlaceholder(s string) bool {
	_, _, _, ok := placeholder(s)
	return ok
}

// onlyPlaceholder reports whether s is one variable and nothing else.
func onlyPlaceholder(s string) bool {
	s = strings.TrimSpace(s)
	start, end, _, ok := placeholder(s)
	return ok && start == 0 && end == len(s)
}

// substitute replaces every placeholder in s by what value returns. A name for
// which value returns false stays as it is. Values are not looked at again.
func substitute(s string, value func(name string) (string, bool)) string {
	start, end, name, ok := placeholder(s)
	if !ok {
		return s
	}
	var b strings.Builder
	for ok && b.Len() <= maxText {
		b.WriteString(s[:start])
		if v, known := value(name); known {
			b.WriteString(v)
		} else {
			b.WriteString(s[start:end])
		}
		s = s[end:]
		start, end, name, ok = placeholder(s)
	}
	b.WriteString(s)
	filled := b.String()
	return filled[:min(len(filled), maxText)]
}
