package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mattn/go-shellwords"
	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/address"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/revision"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/scenarios"
)

// The flags about a service that each visit starts.
const (
	serviceFlag = "service"
	buildFlag   = "build"
	readyFlag   = "ready"
	armFlag     = "arm"
)

// addArms adds the flags about a service that each visit starts, and its arms.
func addArms(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String(serviceFlag, "", "Start the service for each visit with this `command`, such as "+
		"'./shop --port {{port}}', and stop it after.")
	f.String(buildFlag, "", "Build this Go `package`, and start its program as the service; --service then gives its "+
		"arguments.")
	f.String(readyFlag, "", "The service is ready when this `answers`: a path such as /healthz, tcp (the default), "+
		"grpc, or log:REGEXP.")
	f.StringArray(armFlag, nil, "An `arm` of the service: NAME:SETTINGS, with variables and arguments such as "+
		"on:TRACING=on or 'fast:--cache 1', NAME@REVISION:SETTINGS of a package that --build builds, or NAME alone "+
		"for one of the scenario; can be repeated.")
	group(cmd, groupService, serviceFlag, buildFlag, readyFlag)
	group(cmd, groupArms, armFlag)
	for _, name := range []string{serviceFlag, buildFlag, readyFlag, armFlag} {
		complete(cmd, name, oneOf())
	}
}

// armSettings returns what the flags about a started service change in a scenario.
func armSettings(cmd *cobra.Command) (settings []scenarios.Setting, err error) {
	f := cmd.Flags()
	if f.Lookup(armFlag) == nil {
		return nil, nil
	}
	changed := func(name string) bool { return f.Lookup(name).Changed }
	text := func(name string) string { return f.Lookup(name).Value.String() }
	if changed(serviceFlag) || changed(buildFlag) || changed(readyFlag) {
		settings = append(settings, scenarios.Setting{Key: scenarios.ServiceKey, Where: "--" + serviceFlag,
			Apply: func(s *scenarios.Scenario) error {
				if s.Service == nil {
					s.Service = &scenarios.Service{}
				}
				if s.Service.Command == nil && s.Service.Build == "" && !changed(serviceFlag) && !changed(buildFlag) {
					return errors.New("--ready: want --service COMMAND or --build PACKAGE beside it")
				}
				return errors.Join(setCommand(s.Service, changed, text), setReady(s.Service, changed(readyFlag),
					text(readyFlag)))
			}})
	}
	if !changed(armFlag) {
		return settings, nil
	}
	arms, err := f.GetStringArray(armFlag)
	if err != nil {
		return nil, err
	}
	return append(settings, scenarios.Setting{Key: scenarios.ServiceArms, Where: "--" + armFlag,
		Apply: func(s *scenarios.Scenario) (err error) {
			s.ServiceArms, err = armsGiven(arms, s.ServiceArms)
			return err
		}}), nil
}

// setCommand sets what --service and --build say.
func setCommand(s *scenarios.Service, changed func(string) bool, text func(string) string) error {
	var words []string
	if changed(serviceFlag) {
		var err error
		if words, err = wordsOf(text(serviceFlag)); err != nil {
			return fmt.Errorf("%q: %w", text(serviceFlag), err)
		}
		if len(words) == 0 && !changed(buildFlag) {
			return errors.New("it is empty: want a command, such as './shop --port {{port}}'")
		}
	}
	switch {
	case changed(buildFlag) && text(buildFlag) == "":
		return errors.New("--build is empty: want a Go package, such as ./cmd/shop")
	case changed(buildFlag):
		s.Build, s.Command = text(buildFlag), nil
		if changed(serviceFlag) {
			s.Args = words
		}
	case changed(serviceFlag):
		s.Build, s.Command, s.Args = "", words, nil
	}
	return nil
}

// setReady sets what --ready says.
func setReady(s *scenarios.Service, given bool, text string) error {
	if !given {
		return nil
	}
	ready := scenarios.Ready{Timeout: s.Ready.Timeout}
	line, isLine := strings.CutPrefix(text, "log:")
	switch {
	case isLine && line == "":
		return errors.New("--ready: log: has no pattern: want log:REGEXP, such as log:listening")
	case isLine:
		ready.LogLine = line
	case text == "tcp":
		ready.TCP = true
	case text == "grpc":
		ready.GRPC = new("")
	case strings.HasPrefix(text, "/") || address.IsURL(text):
		ready.HTTPGet = text
	default:
		return fmt.Errorf("--ready: %q is unknown: want a path such as /healthz, a URL, tcp, grpc, or log:REGEXP",
			text)
	}
	s.Ready = ready
	return nil
}

// wordsOf returns the words of a command, quoted as in a shell. Nothing else of the shell's syntax is known.
func wordsOf(text string) ([]string, error) {
	parser := shellwords.NewParser()
	words, err := parser.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: want words, with quotes around those that have blanks", err)
	case parser.Position >= 0: // it stops at what a shell would do something with
		return nil, fmt.Errorf("%q is not run by a shell: want one program with its arguments, with quotes around %q",
			text, text[parser.Position:])
	}
	return words, nil
}

// variable matches NAME=VALUE.
var variable = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)=(?s)(.*)$`)

// armsGiven returns the arms that the values of --arm give. A name alone is one of those that the scenario has.
func armsGiven(texts []string, have []scenarios.Arm) (arms []scenarios.Arm, err error) {
	names := namesOfArms(have)
	var errs []error
	for _, text := range texts {
		name, settings, defined := strings.Cut(text, ":")
		i := slices.Index(names, name)
		switch {
		case !defined && i >= 0:
			arms = append(arms, have[i])
			continue
		case !defined && len(names) > 0:
			errs = append(errs, fmt.Errorf("%q is no arm of the scenario%s: want one of %s, or NAME:SETTINGS for a "+
				"new one", name, spelling.Meant(name, names), strings.Join(names, ", ")))
			continue
		case !defined && !strings.Contains(name, "@"):
			errs = append(errs, fmt.Errorf("%q: want NAME:SETTINGS, such as on:TRACING=on, or %s: for no settings",
				text,
				text))
			continue
		}
		arm, err := armGiven(name, settings)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", text, err))
		}
		arms = append(arms, arm)
	}
	return arms, errors.Join(errs...)
}

// armGiven returns the arm NAME or NAME@REVISION with settings: variables, and then arguments.
func armGiven(name, settings string) (a scenarios.Arm, err error) {
	var revised bool
	if a.Name, a.Revision, revised = strings.Cut(name, "@"); revised && a.Revision == "" {
		return a, fmt.Errorf("there is no revision after %s@: want NAME@REVISION:SETTINGS, or %s: for the "+
			"working tree",
			a.Name, a.Name)
	}
	words, err := wordsOf(settings)
	if err != nil {
		return a, err
	}
	for i, word := range words {
		found := variable.FindStringSubmatch(word)
		if found == nil {
			a.Args = words[i:]
			if !strings.HasPrefix(word, "-") {
				return a, fmt.Errorf("%q is neither a variable nor an argument: want NAME=VALUE, or words that begin "+
					"with one such as --flag", word)
			}
			break
		}
		if a.Env == nil {
			a.Env = map[string]*string{}
		}
		a.Env[found[1]] = &found[2]
	}
	return a, nil
}

// againstRevision returns a scenario in which each arm of the service is compared with itself at a git revision.
func againstRevision(s *scenarios.Scenario, ref string) (*scenarios.Scenario, error) {
	if s.Service == nil {
		return nil, fmt.Errorf("--compare %s needs a service that loadgen builds and starts: want --build PACKAGE, "+
			"or service with build in the scenario; two runs of a service that runs already are compared by loadgen "+
			"compare", ref)
	}
	with := *s
	arms := s.ServiceArms
	if len(arms) == 0 {
		arms = []scenarios.Arm{{Name: "head"}}
	}
	with.ServiceArms, with.Compare = nil, nil
	for _, a := range arms {
		switch {
		case s.ServiceOf(a).Build == "":
			return nil, fmt.Errorf("--compare %s: the service is started by a command, which has no revisions: want "+
				"--build PACKAGE, or build instead of command in the scenario", ref)
		case a.Revision != "":
			return nil, fmt.Errorf("--compare %s: the arm %s is of revision %s already: leave one of them out", ref,
				a.Name, a.Revision)
		}
		base := a
		base.Revision, base.Name = ref, a.Name+".base"
		if len(s.ServiceArms) == 0 {
			base.Name = "base"
		}
		if slices.Contains(namesOfArms(arms), base.Name) {
			return nil, fmt.Errorf("--compare %s: the arm %s at that revision would be %s, which is the name of "+
				"another arm: give that arm another name", ref, a.Name, base.Name)
		}
		with.ServiceArms = append(with.ServiceArms, base, a)
		with.Compare = append(with.Compare, scenarios.Pair{A: a.Name, B: base.Name})
	}
	with.SetArms(scenarios.ServiceArm, namesOfArms(with.ServiceArms)...)
	return &with, nil
}

// namesOfArms returns the names of arms.
func namesOfArms(arms []scenarios.Arm) (names []string) {
	for _, a := range arms {
		names = append(names, a.Name)
	}
	return names
}

// provide checks how each arm of the service of a scenario is started, builds their programs, and starts the sidecars
// that live as long as the run. The caller must call release, also after an error.
func provide(ctx context.Context, s *scenarios.Scenario, p *terminal.Progress) (provided visit.Provided,
	release func() error, err error) {
	var releases []func() error
	release = func() (err error) {
		for _, r := range slices.Backward(releases) {
			err = errors.Join(err, r())
		}
		return err
	}
	if s.Service == nil {
		return provided, release, nil
	}
	if err := checkArms(s, provided); err != nil {
		return provided, release, err
	}
	if slices.ContainsFunc(s.Cells(), func(c scenarios.Cell) bool { return s.ServiceOf(s.ArmOf(c)).Build != "" }) {
		dir, err := os.MkdirTemp("", "loadgen-service-")
		if err != nil {
			return provided, release, fmt.Errorf("making a directory for the programs of the service: %w", err)
		}
		releases = append(releases, func() error { return os.RemoveAll(dir) })
		if provided.Programs, err = buildArms(ctx, s, dir, p); err != nil {
			return provided, release, err
		}
	}
	for _, x := range s.Service.Sidecars {
		if x.Per != scenarios.PerRun {
			continue
		}
		o := visit.SidecarOptions(x)
		if o.Values, err = visit.Values(); err != nil {
			return provided, release, err
		}
		o.Ports = maps.Clone(provided.Ports)
		started, err := service.Start(ctx, o)
		if err != nil {
			return provided, release, err
		}
		releases = append(releases, func() error {
			_, err := started.Stop(context.WithoutCancel(ctx))
			return err
		})
		provided.Ports, provided.Sidecars = started.Ports(), append(provided.Sidecars, started)
	}
	return provided, release, nil
}

// notProvided returns the error of a command whose services could not be prepared.
func notProvided(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, errors.New("interrupted before anything was measured")}
	}
	return unusable(err)
}

// releasing releases what was provided. It prints an error as a warning, since no result depends on it.
func releasing(release func() error, stderr io.Writer) {
	if err := release(); err != nil {
		fmt.Fprintf(stderr, "warning: %v\n", err)
	}
}

// buildArms builds the program of each arm that is built, each revision of a package once, into a directory.
func buildArms(ctx context.Context, s *scenarios.Scenario, dir string, p *terminal.Progress) (map[string]string,
	error) {
	programs, built := map[string]string{}, map[[2]string]string{}
	for _, c := range s.Cells() {
		a := s.ArmOf(c)
		pkg := s.ServiceOf(a).Build
		if _, done := programs[a.Name]; done || pkg == "" {
			continue
		}
		key := [2]string{pkg, a.Revision}
		if built[key] == "" {
			out := filepath.Join(dir, fmt.Sprintf("service-%d", len(built)))
			if err := buildAt(ctx, a.Revision, pkg, out, p); err != nil {
				return nil, err
			}
			built[key] = out
		}
		programs[a.Name] = built[key]
	}
	return programs, nil
}

// buildAt builds a package at a revision, or from the working tree if that is "".
func buildAt(ctx context.Context, rev, pkg, out string, p *terminal.Progress) (err error) {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	if rev == "" {
		return revision.BuildTree(ctx, here, pkg, out, p)
	}
	checkout, err := revision.Open(ctx, here, rev, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, checkout.Close()) }()
	return checkout.BuildBase(ctx, pkg, out)
}

// checkArms returns everything that is wrong with how the arms of a service are started.
func checkArms(s *scenarios.Scenario, provided visit.Provided) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range s.Cells() {
		a := s.ArmOf(c)
		if seen[a.Name] {
			continue
		}
		seen[a.Name] = true
		o, err := visit.ServiceOptions(s, a, provided)
		if err == nil {
			err = o.Check()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
