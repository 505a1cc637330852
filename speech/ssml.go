package speech

import (
	"html"
	"regexp"
	"strings"
)

// IsSSML says whether text is markup: it starts with <speak or an XML header.
func IsSSML(text string) bool {
	t := strings.ToLower(strings.TrimSpace(text))
	return strings.HasPrefix(t, "<speak") || strings.HasPrefix(t, "<?xml")
}

// tags are the SSML elements that are passed on to an engine. audio is not
// among them: espeak-ng would open any local file that it names.
var tags = map[string]bool{
	"speak": true, "voice": true, "prosody": true, "say-as": true, "s": true, "p": true,
	"sub": true, "emphasis": true, "break": true, "phoneme": true, "lang": true,
}

// attributes are those of the elements above; xml:base and the like are not.
var attributes = map[string]bool{
	"xml:lang": true, "name": true, "gender": true, "age": true, "variant": true, "rate": true,
	"pitch": true, "range": true, "volume": true, "contour": true, "duration": true, "interpret-as": true,
	"format": true, "detail": true, "alias": true, "level": true, "time": true, "strength": true,
	"alphabet": true, "ph": true, "version": true,
}

var (
	markup    = regexp.MustCompile(`(?s)<!--.*?-->|<[^<>]*>|[<>]`)
	element   = regexp.MustCompile(`(?s)^<\s*(/?)\s*([A-Za-z][A-Za-z:-]*)(.*?)(/?)\s*>$`)
	attribute = regexp.MustCompile(`(?s)([A-Za-z:-]+)\s*=\s*("[^"]*"|'[^']*')`)
	// plainValue is what an attribute may hold: no path leads out of it.
	plainValue = regexp.MustCompile(`^[^<>"&\\/]*$`)
)

// Safe rewrites SSML so that only known elements and attributes are left, each
// written anew. What is no markup is escaped; the text between unknown
// elements stays.
func Safe(ssml string) string {
	return markup.ReplaceAllStringFunc(ssml, func(m string) string {
		switch m {
		case "<":
			return "&lt;"
		case ">":
			return "&gt;"
		}
		part := element.FindStringSubmatch(m)
		if part == nil || !tags[strings.ToLower(part[2])] {
			return " "
		}
		name := strings.ToLower(part[2])
		if part[1] != "" {
			return "</" + name + ">"
		}
		var b strings.Builder
		b.WriteString("<" + name)
		for _, a := range attribute.FindAllStringSubmatch(part[3], -1) {
			key, value := strings.ToLower(a[1]), a[2][1:len(a[2])-1]
			if attributes[key] && plainValue.MatchString(value) {
				b.WriteString(" " + key + `="` + value + `"`)
			}
		}
		b.WriteString(part[4] + ">")
		return b.String()
	})
}

// Plain is the text of SSML without its markup, for engines that take none;
// plain text stays as it is.
func Plain(text string) string {
	if !IsSSML(text) {
		return text
	}
	text = markup.ReplaceAllString(text, " ")
	return strings.Join(strings.Fields(html.UnescapeString(text)), " ")
}
