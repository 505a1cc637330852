// Command offhook answers and places phone calls over SIP, carries their sound
// over RTP and steps each call through a JSON list of actions.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = ""

// commands is the command line. Its tags are the help texts.
type commands struct {
	Serve    serveCommand    `cmd:"" help:"Answer and place calls until SIGTERM or SIGINT."`
	Apply    applyCommand    `cmd:"" help:"Create or update resources on a running server."`
	Validate validateCommand `cmd:"" help:"Check flows and print every fault with its place."`
	Amd      amdCommand      `cmd:"" help:"Say of WAV files whether a person or a machine speaks, one JSON line a file."`
	Call     callCommand     `cmd:"" help:"Place a test call through a running server."`
	Demo     demoCommand     `cmd:"" help:"Serve the examples, dial their menu once, stay up."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// program is what a command may touch besides its flags.
type program struct {
	ctx            context.Context
	stdout, stderr io.Writer
	environ        []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(program{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}, os.Args[1:]))
}

// run is the program: it returns the exit code.
func run(p program, args []string) int {
	var cmd commands
	exit := -1
	parser, err := kong.New(&cmd, kong.Name("offhook"), kong.Writers(p.stdout, p.stderr),
		kong.Description("A telephone exchange in one program: IVR, queues, conferences, recording, campaigns."),
		kong.Exit(func(code int) { exit = code }), kong.UsageOnError())
	if err != nil {
		fmt.Fprintln(p.stderr, err)
		return 2
	}
	k, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help
	}
	if err != nil {
		fmt.Fprintln(p.stderr, "offhook:", err)
		return 2
	}
	if err := k.Run(p); err != nil {
		fmt.Fprintln(p.stderr, "offhook:", err)
		return 1
	}
	return 0
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(p program) error {
	_, err := fmt.Fprintln(p.stdout, "offhook", versionText())
	return err
}

// versionText is the linked version, else the module's.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "dev"
}
