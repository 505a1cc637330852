// Command measure says how right the detector is: on a corpus that it makes
// with Debian's speech synthesisers (packages espeak-ng, flite, festival,
// festvox-kdlpc16k, festvox-us-slt-hts, festvox-italp16k, festvox-itapc16k,
// festvox-czech-machac, festvox-czech-dita) and sox, and on
// labelled folders of WAV files. It prints Markdown: the confusion matrix, when
// a person is known, and the beeps, beside the rule of Asterisk's AMD.
//
//	go run ./amd/measure [-repeats 3] [-seed 1] [-list] [-write DIR] [FOLDER...]
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	repeats := flag.Int("repeats", 3, "so many times 216 calls are made; 0: none")
	seed := flag.Uint64("seed", 1, "of the made calls")
	list := flag.Bool("list", false, "print a line for each call that is judged wrong instead of tables")
	dir := flag.String("write", "", "folder to write the made calls to, as WAV")
	flag.Parse()
	if err := run(os.Stdout, options{*repeats, *seed, *list, *dir}, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

type options struct {
	repeats int
	seed    uint64
	list    bool
	write   string
}

func run(w io.Writer, o options, folders []string) error {
	show := report
	if o.list {
		show = wrong
	} else {
		preface(w)
	}
	if o.repeats > 0 {
		made, err := generate(o.repeats, o.seed)
		if err != nil {
			return err
		}
		if err := save(o.write, made); err != nil {
			return err
		}
		var known, held []call
		for _, c := range made {
			if c.known {
				known = append(known, c)
			} else {
				held = append(held, c)
			}
		}
		show(w, "Made, voices and texts held out", held)
		show(w, "Made, the other voices and texts", known)
	}
	for _, dir := range folders {
		calls, err := load(dir)
		if err != nil {
			return err
		}
		show(w, dir, calls)
	}
	return nil
}

// wrong lists the calls of another result than their label.
func wrong(w io.Writer, title string, calls []call) {
	for _, c := range calls {
		if o := ours(c); o.result != c.label {
			fmt.Fprintf(w, "%s: %s: %s at %d ms, greeting until %d\n", title, c.name, o.result, o.at.Milliseconds(), c.greetingEnd)
		}
	}
}
