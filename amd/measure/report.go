package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"offhook/amd"
)

// preface writes the page up to the tables.
func preface(w io.Writer) {
	fmt.Fprint(w, `# Answering machine detection

<!-- written by: go run ./amd/measure > docs/amd.md -->

The detector listens to what the callee says from the answer on and tells a
person from a machine, a fax, special information tones and silence, at the
latest at the limit. It goes on listening for the end of a machine's greeting
and its beep, so that a message starts after the beep and not before.

    offhook amd [--limit 5s] FILE.wav...

prints one JSON line a file; the action "amd" runs the same code on a call. Its
option "thresholds" and the command's --thresholds take a JSON object of the
names below; each is an option of the command, too.

| Threshold | Unit | Default | Why |
|---|---|---|---|
`)
	for _, t := range amd.Thresholds() {
		fmt.Fprintf(w, "| %s | %s | %g | %s |\n", t.Name, t.Unit, t.Default, t.Reason)
	}
	fmt.Fprint(w, `
## How right it is

Calls made by Debian's espeak-ng, flite and festival in eight languages, of 24
kinds: greetings of people (hello, a name, a company, a receptionist of 3 to 6 s,
hello said again; late, quiet, with a fumbled receiver, ringback, music, others
talking, a device that beeps) and of machines (personal, carrier's, digits, full,
short, menus, screening assistants; after a hello and a pause, silence or music;
in babble, without a word), fax, special information tones, silence. Levels,
speeds, noise of 8 to 40 dB under the voice, PCMU, PCMA and GSM, up to 8 % of the
packets lost; beeps of one line, two or a chirp. Each half has its own voices and
texts. The thresholds were chosen on one half and on half of another, labelled
set; what made the other half worse was dropped. Beside it, the rule of
Asterisk's AMD, written from its documented parameters, on the same calls.

`)
}

// outcome is what one detector made of one call.
type outcome struct {
	result  string
	at      time.Duration
	beepAt  time.Duration
	hasBeep bool
}

func ours(c call) outcome {
	d := amd.New(8000, amd.Config{})
	d.Write(c.pcm)
	v := d.Finish()
	return outcome{result: string(v.Result), at: v.DecidedAt, beepAt: v.BeepAt, hasBeep: v.BeepAt != amd.None}
}

func (r rule) outcome(c call) outcome {
	result, at := r.decide(c.pcm)
	return outcome{result: result, at: at}
}

var results = []string{"human", "machine", "notsure", "fax", "sit", "silence"}

// report writes the tables of one corpus.
func report(w io.Writer, title string, calls []call) {
	fmt.Fprintf(w, "### %s: %d calls\n\n", title, len(calls))
	ruled := ruleDefaults
	people(w, calls)
	confusion(w, "offhook", calls, ours)
	confusion(w, "app_amd's rule with its defaults", calls, ruled.outcome)
	fmt.Fprintf(w, "| Decision after the end of a person's greeting | 5 %% | 50 %% | 95 %% | within 1.5 s |\n|---|---|---|---|---|\n")
	latency(w, "offhook", calls, ours)
	latency(w, "app_amd's rule", calls, ruled.outcome)
	beeps(w, calls)
}

// hard are the kinds that energy can hardly tell.
var hard = []string{"receptionist", "pause"}

// people writes what becomes of people's and machines' calls.
func people(w io.Writer, calls []call) {
	fmt.Fprintf(w, "| | people called human | people called machine | machines called machine |\n|---|---|---|---|\n")
	for _, row := range []struct {
		name   string
		counts func(call) bool
	}{
		{"all", func(call) bool { return true }},
		{"without receptionists, and machines that say hello and pause", func(c call) bool { return !slices.Contains(hard, c.kind) }},
	} {
		count, total := map[[2]string]int{}, map[string]int{}
		for _, c := range calls {
			if row.counts(c) {
				total[c.label]++
				count[[2]string{c.label, ours(c).result}]++
			}
		}
		share := func(label, result string) float64 {
			return 100 * float64(count[[2]string{label, result}]) / float64(max(total[label], 1))
		}
		fmt.Fprintf(w, "| %s | %.1f %% | %.1f %% | %.1f %% |\n", row.name, share("human", "human"), share("human", "machine"), share("machine", "machine"))
	}
	fmt.Fprintln(w)
}

func confusion(w io.Writer, name string, calls []call, detect func(call) outcome) {
	count := map[[2]string]int{}
	kinds := []string{}
	for _, c := range calls {
		row := c.label + "/" + c.kind
		if !slices.Contains(kinds, row) {
			kinds = append(kinds, row)
		}
		r := detect(c).result
		count[[2]string{row, r}]++
		count[[2]string{"**" + c.label + "**", r}]++
	}
	slices.Sort(kinds)
	fmt.Fprintf(w, "| %s |", name)
	for _, r := range results {
		fmt.Fprintf(w, " %s |", r)
	}
	fmt.Fprintf(w, " right |\n|---|---|---|---|---|---|---|---|\n")
	rows := append([]string{"**human**", "**machine**", "**fax**", "**sit**", "**silence**"}, kinds...)
	for _, row := range rows {
		line(w, row, count)
	}
	fmt.Fprintln(w)
}

func line(w io.Writer, row string, count map[[2]string]int) {
	total := 0
	for _, r := range results {
		total += count[[2]string{row, r}]
	}
	if total == 0 {
		return
	}
	fmt.Fprintf(w, "| %s |", row)
	right := 0
	for _, r := range results {
		n := count[[2]string{row, r}]
		if row == "**"+r+"**" || len(row) > len(r) && row[:len(r)+1] == r+"/" {
			right = n
		}
		fmt.Fprintf(w, " %d |", n)
	}
	fmt.Fprintf(w, " %.1f %% |\n", 100*float64(right)/float64(total))
}

func latency(w io.Writer, name string, calls []call, detect func(call) outcome) {
	var late []int
	soon := 0
	for _, c := range calls {
		if c.label != "human" || c.greetingEnd < 0 {
			continue
		}
		if o := detect(c); o.result == "human" {
			ms := int(o.at.Milliseconds()) - c.greetingEnd
			late = append(late, ms)
			if ms <= 1500 {
				soon++
			}
		}
	}
	if len(late) == 0 {
		return
	}
	slices.Sort(late)
	at := func(share float64) int { return late[int(share*float64(len(late)-1))] }
	fmt.Fprintf(w, "| %s | %d ms | %d ms | %d ms | %.1f %% |\n", name, at(0.05), at(0.5), at(0.95), 100*float64(soon)/float64(len(late)))
}

func beeps(w io.Writer, calls []call) {
	with, found, without, wrong := 0, 0, 0, 0
	for _, c := range calls {
		o := ours(c)
		if c.beepStart < 0 {
			without++
			if o.hasBeep {
				wrong++
			}
			continue
		}
		with++
		if d := o.beepAt - time.Duration(c.beepStart)*time.Millisecond; o.hasBeep && d.Abs() <= 60*time.Millisecond {
			found++
		}
	}
	fmt.Fprintf(w, "\nBeeps found within 60 ms: %d of %d. False beeps: %d in %d calls without one.\n\n", found, with, wrong, without)
}
