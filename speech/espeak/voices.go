package espeak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"offhook/speech"
)

// voices are what the installed program can speak.
type voices struct {
	languages map[string]bool   // codes for -v, in lower case
	named     map[string]string // voice names in lower case → code
	variants  map[string]string // in lower case → as espeak-ng spells it
}

// known asks the program for its voices, once it answers.
func (e *Engine) known(ctx context.Context) (*voices, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.voices != nil {
		return e.voices, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	v := &voices{languages: map[string]bool{}, named: map[string]string{}, variants: map[string]string{}}
	for _, list := range [2]string{"--voices", "--voices=variant"} {
		out, err := exec.CommandContext(ctx, e.opt.Path, list).Output()
		if err != nil {
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
				err = fmt.Errorf("%w: %w", errStart, err)
			}
			return nil, e.explain(ctx, err)
		}
		v.parse(out)
	}
	if len(v.languages) == 0 {
		return nil, fmt.Errorf("%w: %s lists no voices: install its data (apt-get install espeak-ng-data)", speech.ErrUnavailable, e.opt.Path)
	}
	e.voices = v
	return v, nil
}

// parse reads the table of --voices: priority, language, age and gender, name,
// file, and other languages in brackets.
func (v *voices) parse(table []byte) {
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 5 || f[0] == "Pty" {
			continue
		}
		if name, ok := strings.CutPrefix(f[4], "!v/"); ok {
			v.variants[strings.ToLower(name)] = name
			continue
		}
		code := strings.ToLower(f[1])
		v.languages[code] = true
		if name := strings.ToLower(f[3]); v.named[name] == "" {
			v.named[name] = code
		}
	}
}

// aliases lead from tags to the codes that espeak-ng has for them.
var aliases = map[string]string{
	"en": "en-us", "en-au": "en-gb", "en-nz": "en-gb", "en-ie": "en-gb", "en-in": "en-gb", "en-za": "en-gb", "en-uk": "en-gb",
	"fr": "fr-fr", "pt-pt": "pt", "es-es": "es", "zh": "cmn", "zh-hk": "yue", "zh-yue": "yue", "zh-mo": "yue",
	"no": "nb", "nn": "nb", "iw": "he", "in": "id", "ji": "yi", "vi-vn": "vi", "hbs": "sr",
}

// code finds what -v takes for a BCP 47 tag: the tag itself, an alias, or what
// is left when subtags are dropped from its end.
func (v *voices) code(tag string) (string, bool) {
	tag = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(tag), "_", "-"))
	if strings.HasPrefix(tag, "es-") && tag != "es-es" && v.languages["es-419"] {
		return "es-419", true // the Americas
	}
	for tag != "" {
		if a := aliases[tag]; a != "" && v.languages[a] {
			return a, true
		}
		if v.languages[tag] {
			return tag, true
		}
		tag = tag[:max(0, strings.LastIndexByte(tag, '-'))]
	}
	return "", false
}

// genders are what older flows give as a voice.
var genders = map[string]string{"female": "f3", "male": "m3", "neutral": ""}

// named finds the code, the variant or both for a voice: a language code or
// name as `espeak-ng --voices` lists them, a variant ("f3", "+f3"), both
// ("de+f3"), or a gender.
func (v *voices) voice(name string) (code, variant string, ok bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	base, ext, _ := strings.Cut(name, "+")
	if g, found := genders[base]; found && ext == "" {
		return "", v.variants[g], true
	}
	if base != "" {
		switch {
		case v.languages[base]:
			code = base
		case v.named[base] != "":
			code = v.named[base]
		case v.variants[base] != "" && ext == "":
			return "", v.variants[base], true
		default:
			return "", "", false
		}
	}
	if ext == "" {
		return code, "", code != ""
	}
	variant = v.variants[ext]
	return code, variant, variant != ""
}

// voice is the -v argument for a request. Every part of it comes from the
// program's own list, so no request can smuggle a path or an option in.
func (e *Engine) voice(v *voices, r speech.Request) string {
	language := r.Language
	if language == "" {
		language = e.opt.Language
	}
	code, ok := v.code(language)
	if !ok {
		if code, ok = v.code(e.opt.Language); !ok {
			code = "en-us"
		}
		e.warn("language", language, code)
	}
	name := r.Voice
	if name == "" {
		name = e.opt.Voice
	}
	if name == "" {
		return code
	}
	own, variant, ok := v.voice(name)
	if !ok {
		e.warn("voice", name, code)
		return code
	}
	if own != "" {
		code = own
	}
	if variant != "" {
		code += "+" + variant
	}
	return code
}

var printable = regexp.MustCompile(`[^\pL\pN_+.-]+`)

// warn logs a name that espeak-ng does not have, once for each, up to a bound.
func (e *Engine) warn(what, name, instead string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := what + " " + name
	if e.warned[key] || len(e.warned) >= 1000 {
		return
	}
	e.warned[key] = true
	e.opt.Logger.Warn("espeak-ng has no such "+what, what, printable.ReplaceAllString(name, "?"), "instead", instead)
}
