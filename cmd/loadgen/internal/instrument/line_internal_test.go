package instrument

import (
	"slices"
	"strings"
	"testing"
)

func TestTheGoCommandLineIsTakenApart(t *testing.T) {
	for _, c := range []struct{ args, patterns, flags, withTags string }{
		{"build", ".", "", "-tags=loadgen"},
		{"build -o app ./cmd/app", "./cmd/app", "-o=app", "-tags=loadgen -o app ./cmd/app"},
		{"build -tags a,b -race ./...", "./...", "-tags=a,b -race", "-tags=a,b,loadgen -race ./..."},
		{"build --tags=a . -v", ".", "-tags=a -v", "-tags=a,loadgen . -v"},
		{"build -tags loadgen", ".", "-tags=loadgen", "-tags=loadgen"},
		{"install ./a ./b", "./a ./b", "", "-tags=loadgen ./a ./b"},
		{"run . -tags x", ".", "", "-tags=loadgen . -tags x"},
		{"run -race a.go b.go c -v", "a.go b.go", "-race", "-tags=loadgen -race a.go b.go c -v"},
		{"run -exec time . x.go", ".", "-exec=time", "-tags=loadgen -exec time . x.go"},
		{"test ./... -run X -v", "./...", "-run=X -v", "-tags=loadgen ./... -run X -v"},
		{"test -test.run=X ./a ./b -count=1 -custom y", "./a ./b", "-run=X -count=1",
			"-tags=loadgen -test.run=X ./a ./b -count=1 -custom y"},
		{"test . -args -tags x", ".", "", "-tags=loadgen . -args -tags x"},
		{"test -tags=a -custom -tags x", ".", "-tags=a", "-tags=a,loadgen -custom -tags x"},
		{"test -short -vet off a", "a", "-short -vet=off", "-tags=loadgen -short -vet off a"},
	} {
		t.Run(c.args, func(t *testing.T) {
			words := strings.Fields(c.args)
			l, err := parseLine(words[0], words[1:])
			if err != nil {
				t.Fatal(err)
			}
			var flags []string
			for _, f := range l.flags {
				flags = append(flags, f.String())
			}
			tags := strings.Join((&session{line: l}).withTags(l.rest), " ")
			if strings.Join(l.patterns, " ") != c.patterns || strings.Join(flags, " ") != c.flags ||
				tags != c.withTags {
				t.Errorf("patterns %q, flags %q, with tags %q", l.patterns, flags, tags)
			}
		})
	}
}

// The directory comes first, whatever else is added.
func TestTheDirectoryIsTheFirstFlag(t *testing.T) {
	for _, args := range []string{"-C dir -race .", "-C=dir -race .", "--C dir -race ."} {
		l, err := parseLine("build", strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		before, _, _ := strings.Cut(args, " -race")
		s := &session{line: l, env: map[string]string{"GOMOD": "/none/go.mod"}}
		want := "build " + before + " -overlay=o.json -tags=loadgen -race ."
		if got := strings.Join(s.instrumented("o.json"), " "); got != want {
			t.Errorf("%s became %s, want %s", args, got, want)
		}
	}
}

func TestFlagsThatProbesExcludeAreRefused(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"-cover", "-cover and probes exclude each other: the coverage tool reads the files without probes " +
			"(golang/go#73802)\n\thint: measure coverage in a build without probes"},
		{"-cover=true", "-cover=true and probes exclude each other"},
		{"-coverprofile=c.out", "-coverprofile=c.out and probes"},
		{"-coverpkg=./...", "-coverpkg=./... and probes"},
		{"-test.coverprofile=c", "-coverprofile=c and probes"},
		{"-covermode=atomic", "-covermode=atomic and probes"},
		{"--overlay=o.json", "-overlay is taken by the probes\n\thint: put the replaced files in place"},
		{"-vet=all", "-vet=all and probes exclude each other: it reports text of the probes\n\thint: go vet ./..."},
		{"-vet=printf,unreachable", "-vet=printf,unreachable and probes"},
		{"-vet=off -vet=printf -vet=", ""},
		{"-cover=false -cover=0", ""},
		{"-race '-ldflags=-s -w'", ""},
	} {
		flags, err := splitFlags(c.flags)
		if err != nil {
			t.Fatal(err)
		}
		err = refused(flags)
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.flags, err, c.want)
		}
	}
}

func TestOtherGoCommandsAreRefused(t *testing.T) {
	for verb, want := range map[string]string{
		"vet":  "go vet needs no probes\n\thint: go vet ./...",
		"tset": "go tset builds nothing that has probes (did you mean test?)\n\thint: want go build, go install",
		"mod":  "go mod builds nothing that has probes\n\thint: want go build",
	} {
		if _, err := parseLine(verb, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %q", verb, err, want)
		}
	}
}

// A flag that is in no list is the go command's to refuse, unless it is loadgen's own, or there is no go command.
func TestFlagsOfLoadgenAreNoneOfTheGoCommand(t *testing.T) {
	own := []string{"mode", "tables", "v"}
	for _, c := range []struct {
		verb, words string
		known       bool
		want        string // "": nil
	}{
		{"build", "-o app -v -race ./...", true, ""},
		{"build", "--mode marked .", false, "--mode is a flag of loadgen\n\thint: put it before build, the name"},
		{"build", ". -tables=x", false, "--tables is a flag of loadgen"},
		{"build", ". -tables=x", true, "--tables is a flag of loadgen\n\thint: put it before --"},
		{"build", "-later=1 .", false, ""},
		{"build", "-later=1 .", true, "the go command has no flag -later"},
		{"build", "--rcae .", true, "the go command has no flag -rcae (did you mean race?)"},
		{"run", ". -mode x", false, ""},      // of the program
		{"test", "-mode x .", false, ""},     // of the test binary
		{"test", ". -args -mode", false, ""}, // the same
		{"run", "-mode=x .", false, "--mode is a flag of loadgen\n\thint: put it before run"},
	} {
		l, err := parseLine(c.verb, strings.Fields(c.words))
		if err == nil {
			err = l.checkFlags(own, c.known)
		}
		if (err != nil) != (c.want != "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("go %s %s: %v, want %q", c.verb, c.words, err, c.want)
		}
	}
}

// Every flag that go help lists as one with a value is known, so that its value is not taken for a package.
func TestFlagsWithValuesAreNoSwitches(t *testing.T) {
	for _, f := range valued {
		if slices.Contains(switches, f) {
			t.Errorf("-%s is in both lists", f)
		}
	}
}

func TestGOFLAGSIsSplitAsTheGoCommandDoes(t *testing.T) {
	for _, c := range []struct{ value, want, joined string }{
		{"", "", ""},
		{" -race\t -mod=mod ", "-race|-mod=mod", "-race -mod=mod"},
		{`'-ldflags=-s -w' -tags=a`, "-ldflags=-s -w|-tags=a", `'-ldflags=-s -w' -tags=a`},
		{`"-ldflags=-X 'a=b c'"`, "-ldflags=-X 'a=b c'", `"-ldflags=-X 'a=b c'"`},
		{`-modfile=C:\dir\go.mod`, `-modfile=C:\dir\go.mod`, `-modfile=C:\dir\go.mod`},
		{`-tags=it's`, `-tags=it's`, `"-tags=it's"`},
	} {
		flags, err := splitFlags(c.value)
		var words []string
		for _, f := range flags {
			words = append(words, f.String())
		}
		if err != nil || strings.Join(words, "|") != c.want || joinFlags(flags) != c.joined {
			t.Errorf("%s: %q, %s, %v", c.value, words, joinFlags(flags), err)
		}
	}
	for value, want := range map[string]string{`"-race`: "a quote that does not end", "race": `"race" is no flag`,
		"---x": "is no flag", "-": "is no flag", "-=": "is no flag", "''": "is no flag"} {
		if _, err := splitFlags(value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", value, err, want)
		}
	}
}

// What joinFlags joins, splitFlags splits, if that is possible at all.
func FuzzGOFLAGS(f *testing.F) {
	f.Add("-race '-ldflags=-s -w'")
	f.Add(`"-a 'b'" -c`)
	f.Fuzz(func(t *testing.T, value string) {
		flags, err := splitFlags(value)
		if err != nil || strings.Contains(value, "'") && strings.Contains(value, `"`) {
			return // a word with both quotes has no form
		}
		again, err := splitFlags(joinFlags(flags))
		if err != nil || !slices.Equal(flags, again) {
			t.Errorf("%q, %q: %v", flags, again, err)
		}
	})
}

// Packages of a version of a module are built outside of the main module, where nothing has probes.
func TestAVersionOfAModuleHasNoProbes(t *testing.T) {
	for words, refused := range map[string]bool{
		"install example.com/cmd@latest": true,
		"install -v example.com/cmd@v1":  true,
		"run example.com/cmd@v1 x":       true,
		"run . user@example.com":         false,
		"build ./a@b":                    false,
		"build /a@b":                     false,
		"run a@b.go":                     false,
		"test ./... -args a@b":           false,
	} {
		verb, rest, _ := strings.Cut(words, " ")
		_, err := parseLine(verb, strings.Fields(rest))
		if (err != nil) != refused || err != nil && !strings.Contains(err.Error(), "names a version of a module") {
			t.Errorf("%s: %v", words, err)
		}
	}
}
