// Command actiondocs writes the page about actions, for go generate.
package main

import (
	"fmt"
	"os"

	"offhook/flow/action"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: actiondocs FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(action.Docs()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
