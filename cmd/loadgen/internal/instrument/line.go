package instrument

import (
	"fmt"
	"go/build"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A line is a command line of the go command, taken apart as far as probes need it.
type line struct {
	verb     string
	flags    []goFlag // before the arguments of a program that is run, or of a test binary
	patterns []string // packages or files
	rest     []string // the command line after the verb, as it was given
}

// A goFlag is a flag of the go command.
type goFlag struct {
	name, value string
	hasValue    bool
}

func (g goFlag) String() string {
	if g.hasValue {
		return "-" + g.name + "=" + g.value
	}
	return "-" + g.name
}

// verbs are the subcommands of go that probes are for.
var verbs = []string{"build", "install", "run", "test"}

// valued are the flags of these subcommands that take a value, which may be the next word.
var valued = strings.Fields(`C p asmflags buildmode compiler covermode coverpkg gccgoflags gcflags installsuffix ldflags
	mod modfile overlay pgo pkgdir tags toolexec o exec bench benchtime blockprofile blockprofilerate count coverprofile
	cpu cpuprofile fuzz fuzztime fuzzminimizetime list memprofile memprofilerate mutexprofile mutexprofilefraction
	outputdir parallel run shuffle skip timeout trace vet debug-actiongraph debug-runtime-trace debug-trace`)

// switches are the flags of these subcommands that take no value.
var switches = strings.Fields(`a n race msan asan cover v work x json linkshared modcacherw trimpath buildvcs c i
	failfast fullpath short benchmem artifacts`)

// loading are the flags that decide which files belong to a package, or what they are compiled to.
var loading = []string{"tags", "mod", "modfile", "race", "msan", "asan", "trimpath", "compiler", "gcflags", "asmflags"}

// parseLine takes a command line apart: the verb, and what follows it.
func parseLine(verb string, words []string) (*line, error) {
	if !slices.Contains(verbs, verb) {
		if verb == "vet" {
			return nil, fmt.Errorf("go vet needs no probes\n\thint: %s", "go vet ./...")
		}
		return nil, fmt.Errorf("go %s builds nothing that has probes%s\n\thint: want go %s", verb,
			spelling.Meant(verb, verbs), strings.Join(verbs, ", go "))
	}
	l := &line{verb: verb, rest: words}
	ended := false // the packages
	for i := 0; i < len(words); i++ {
		word := words[i]
		if !strings.HasPrefix(word, "-") || word == "-" {
			if ended {
				break
			}
			l.patterns = append(l.patterns, word)
			if verb == "run" && (!isGoFile(word) || i+1 == len(words) || !isGoFile(words[i+1])) {
				break
			}
			continue
		}
		f, known := parseFlag(word)
		if f.name == "args" && verb == "test" || !known && verb == "test" {
			break // the rest is for the test binary
		}
		if len(l.patterns) > 0 {
			ended = true
		}
		if !f.hasValue && slices.Contains(valued, f.name) && i+1 < len(words) {
			i++
			f.value, f.hasValue = words[i], true
		}
		l.flags = append(l.flags, f)
	}
	if len(l.patterns) == 0 {
		l.patterns = []string{"."}
	}
	if i := slices.IndexFunc(l.patterns, isVersioned); i >= 0 {
		return nil, fmt.Errorf("%s names a version of a module, whose packages have no probes\n\thint: only packages "+
			"of the module, or of the workspace, that is worked on are probed", l.patterns[i])
	}
	return l, nil
}

// isVersioned reports whether a pattern is one as in go install example.com/cmd@latest.
func isVersioned(pattern string) bool {
	return strings.Contains(pattern, "@") && !build.IsLocalImport(pattern) && !filepath.IsAbs(pattern) &&
		!isGoFile(pattern)
}

func isGoFile(word string) bool { return strings.HasSuffix(word, ".go") }

// IsVerb reports whether probes are for a subcommand of go.
func IsVerb(name string) bool { return slices.Contains(verbs, name) }

// IsGoFlag reports whether these subcommands have a flag.
func IsGoFlag(name string) bool {
	return slices.Contains(valued, name) || slices.Contains(switches, name)
}

// checkFlags returns an error about the first of the flags that is loadgen's own, one of those named, or nil. If all
// must be known, it returns one about the first that is not.
func (l *line) checkFlags(own []string, known bool) error {
	for _, f := range l.flags {
		switch {
		case IsGoFlag(f.name):
		case slices.Contains(own, f.name):
			before := l.verb + ", the name of the go command"
			if known {
				before = "--"
			}
			return fmt.Errorf("--%s is a flag of loadgen\n\thint: put it before %s", f.name, before)
		case known:
			return fmt.Errorf("the go command has no flag -%s%s", f.name,
				spelling.Meant(f.name, slices.Concat(valued, switches)))
		}
	}
	return nil
}

// parseFlag parses a word that is a flag, and reports whether the go command knows it.
func parseFlag(word string) (f goFlag, known bool) {
	f.name, f.value, f.hasValue = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
	f.name = strings.TrimPrefix(f.name, "test.")
	return f, IsGoFlag(f.name)
}

// splitFlags splits the value of GOFLAGS as the go command does: at blanks, unless a word begins with a quote.
func splitFlags(value string) (flags []goFlag, err error) {
	const blanks = " \t\r\n"
	for rest := strings.TrimLeft(value, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		var word string
		if quote := rest[:1]; quote == `"` || quote == "'" {
			var closed bool
			if word, rest, closed = strings.Cut(rest[1:], quote); !closed {
				return nil, fmt.Errorf("GOFLAGS: %s has a quote that does not end", value)
			}
		} else {
			end := strings.IndexAny(rest, blanks)
			if end < 0 {
				end = len(rest)
			}
			word, rest = rest[:end], rest[end:]
		}
		f, _ := parseFlag(word)
		if !strings.HasPrefix(word, "-") || f.name == "" || strings.HasPrefix(f.name, "-") {
			return nil, fmt.Errorf("GOFLAGS: %q is no flag", word)
		}
		flags = append(flags, f)
	}
	return flags, nil
}

// joinFlags returns the value of GOFLAGS that splitFlags splits into flags.
func joinFlags(flags []goFlag) string {
	words := make([]string, len(flags))
	for i, f := range flags {
		quote := ""
		switch word := f.String(); {
		case strings.Contains(word, "'"):
			quote = `"`
		case strings.ContainsAny(word, " \t\r\n\""):
			quote = "'"
		}
		words[i] = quote + f.String() + quote
	}
	return strings.Join(words, " ")
}

// last returns the last of the flags with a name.
func last(flags []goFlag, name string) (f goFlag, ok bool) {
	for _, g := range flags {
		if g.name == name {
			f, ok = g, true
		}
	}
	return f, ok
}

// refused returns why probes and one of the flags exclude each other, or nil.
func refused(flags []goFlag) error {
	for _, f := range flags {
		isOff := f.hasValue && slices.Contains([]string{"false", "0", "f", "F", "FALSE", "False"}, f.value)
		switch {
		case f.name == "cover" && isOff:
		case strings.HasPrefix(f.name, "cover"):
			return fmt.Errorf("%s and probes exclude each other: the coverage tool reads the files without probes "+
				"(golang/go#73802)\n\thint: measure coverage in a build without probes", f)
		case f.name == "vet" && (f.value == "all" || slices.Contains(strings.Split(f.value, ","), "unreachable")):
			return fmt.Errorf("%s and probes exclude each other: it reports text of the probes\n\thint: %s", f,
				"go vet ./...")
		case f.name == "overlay":
			return fmt.Errorf("-overlay is taken by the probes\n\thint: put the replaced files in place, or build " +
				"without probes")
		}
	}
	return nil
}

// An ExitError says that the go command ended with an exit code.
type ExitError struct{ Code int }

func (e *ExitError) Error() string {
	return fmt.Sprintf("the go command ended with exit code %d", e.Code)
}

// exitOf returns the exit code of the go command as an error, or err if it did not run.
func exitOf(err error) error {
	exit, ok := err.(*exec.ExitError)
	switch {
	case !ok:
		return err
	case exit.ExitCode() < 0:
		return &ExitError{signalled(exit)}
	}
	return &ExitError{exit.ExitCode()}
}
