// Suite runs the tests of this module for longer than go test does, and counts what fails.
//
//	suite flaky [-rounds N] [-run REGEXP] [-quick] [PACKAGES]
//	suite explore [-run REGEXP] [-seed N] DURATION [PACKAGES]
//	suite fuzz [-run REGEXP] MINUTES [PACKAGES]
//	suite programs [-run REGEXP]
//
// scripts/flaky, scripts/explore, scripts/fuzz and scripts/programs are the commands to call. Suite exits with 0 if
// nothing failed, 1 if
// something failed, 2 if it could not run, and 130 if it was interrupted. In every case it prints what it has counted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// errFound is returned by a subcommand that ran to its end and saw tests fail. They have been printed already.
var errFound = errors.New("tests failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(status(ctx, run(ctx, os.Args[1:])))
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "flaky":
			return flaky(ctx, args[1:])
		case "explore":
			return explore(ctx, args[1:])
		case "fuzz":
			return fuzz(ctx, args[1:])
		case "programs":
			return programs(ctx, args[1:])
		}
	}
	return errors.New("run scripts/flaky, scripts/explore, scripts/fuzz or scripts/programs; each has -help")
}

// status returns the exit status for err. It prints err, unless that stands for failures that have been printed.
func status(ctx context.Context, err error) int {
	switch {
	case ctx.Err() != nil:
		return 130
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errFound):
		return 1
	}
	fmt.Fprintln(os.Stderr, "suite:", err)
	return 2
}
