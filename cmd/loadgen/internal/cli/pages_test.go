package cli

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/address"
)

// topDir is the root directory of the repository.
const topDir = "../../../.."

// A docPage is a Markdown file of the repository.
type docPage struct {
	path   string // relative to the root, with slashes
	text   string
	prose  string // the text without fenced blocks
	blocks []docBlock
}

// A docBlock is a fenced block of a page.
type docBlock struct {
	marker   string // of the HTML comment in the line before, such as "example: FILE", or ""
	language string
	text     string
}

// commentLine matches a line that is an HTML comment.
var commentLine = regexp.MustCompile(`^<!-- (.*) -->$`)

// newPage splits the text of a page into prose and blocks.
func newPage(path, text string) docPage {
	p := docPage{path: path, text: text}
	var lines []string // of the open block
	var prose strings.Builder
	open, marker := false, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		language, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open:
			p.blocks[len(p.blocks)-1].text = strings.Join(lines, "\n")
			open, marker = false, ""
		case isFence:
			p.blocks = append(p.blocks, docBlock{marker: marker, language: language})
			open, lines = true, nil
		case open:
			lines = append(lines, line)
		default:
			marker = ""
			if m := commentLine.FindStringSubmatch(line); m != nil {
				marker = m[1]
			}
			prose.WriteString(line + "\n")
		}
	}
	p.prose = prose.String()
	return p
}

// readPage returns the page at a path relative to the root.
func readPage(t *testing.T, path string) docPage {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(topDir, path))
	if err != nil {
		t.Fatal(err)
	}
	return newPage(path, string(data))
}

// pages returns every page of the topDir, except test data.
func pages(t *testing.T) (found []docPage) {
	t.Helper()
	err := filepath.WalkDir(topDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !d.IsDir() && filepath.Ext(path) == ".md" {
			relative, err := filepath.Rel(topDir, path)
			if err != nil {
				return err
			}
			found = append(found, readPage(t, filepath.ToSlash(relative)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// block returns the text of the block in a language that follows a marker.
func (p docPage) block(t *testing.T, marker, language string) string {
	t.Helper()
	for _, b := range p.blocks {
		if b.marker == marker && b.language == language {
			return b.text
		}
	}
	t.Fatalf("%s has no block of %s after <!-- %s -->", p.path, language, marker)
	return ""
}

// Every page keeps its size, its links lead somewhere, its commands exist, and its examples are those of the files.
func TestPagesKeepTheirPromises(t *testing.T) {
	all := pages(t)
	if len(all) < 8 {
		t.Errorf("%d pages found", len(all))
	}
	for _, check := range pageChecks {
		t.Run(check.name, func(t *testing.T) {
			for _, p := range all {
				for _, problem := range check.problems(p) {
					t.Errorf("%s: %s", p.path, problem)
				}
			}
		})
	}
}

// The command prints what console blocks show.
func TestConsoleBlocksShowWhatTheCommandPrints(t *testing.T) {
	n := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language != "console" {
				continue
			}
			n++
			line, want, _ := strings.Cut(b.text, "\n")
			t.Run(line, func(t *testing.T) {
				args, ok := strings.CutPrefix(line, "$ loadgen ")
				if !ok {
					t.Fatalf("%s: a block begins with %q: want a command of loadgen", p.path, line)
				}
				code, got, stderr := execute(t, words(args)...)
				if got = trimLines(got); code != 0 || got != trimLines(want) {
					t.Errorf("exit %d\n%s\nprints\n%s\n%s shows\n%s", code, stderr, got, p.path, want)
				}
			})
		}
	}
	if n < 3 {
		t.Errorf("%d console blocks found", n)
	}
}

// trimLines removes blanks at the ends of lines, and empty lines at the end of the text.
func trimLines(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// loadgen plan accepts what the pages say to run.
func TestRunsOfPagesCanBePlanned(t *testing.T) {
	onlyOfRun := regexp.MustCompile(`--(out|profile) \S+|--(strict|confirm)\b`)
	n := 0
	for _, p := range pages(t) {
		for _, line := range p.commandLines() {
			ofRun, isRun := strings.CutPrefix(line, "run")
			if !isRun || strings.HasPrefix(ofRun, " RUN") ||
				strings.Contains(line, "--compare ") && !strings.Contains(line, " vs ") {
				continue // plan knows no revisions
			}
			if strings.Contains(line, " scenarios/services/gin/") {
				continue // its module plans it, since that builds Gin
			}
			n++
			t.Run(line, func(t *testing.T) {
				args := words("plan" + onlyOfRun.ReplaceAllString(ofRun, ""))
				if slices.ContainsFunc(args, address.IsURL) { // no service is there
					args = append(args, "--no-verify")
				}
				for i, arg := range args {
					if strings.HasPrefix(arg, "scenarios/") {
						args[i] = filepath.Join(topDir, arg)
					}
				}
				if code, _, stderr := quickly(t, args...); code != 0 {
					t.Errorf("%s: exit %d\n%s", p.path, code, stderr)
				}
			})
		}
	}
	if n < 8 {
		t.Errorf("%d runs found", n)
	}
}

// loadgen quantiles accepts what the pages say to measure.
func TestQuantilesOfPagesCanBeMeasured(t *testing.T) {
	t.Parallel()
	n := 0
	for _, p := range pages(t) {
		for _, line := range p.commandLines() {
			if !strings.HasPrefix(line, "quantiles") || strings.Contains(line, "results/") {
				continue
			}
			n++
			t.Run(line, func(t *testing.T) {
				// Instead of many seconds. In a process of its own, since a measurement collects the garbage of its
				// process, and this one has much.
				args := append(words(line), "--data", "lognormal", "--n", "1k", "--rounds", "1")
				if !strings.Contains(line, "--estimators") {
					args = append(args, "--estimators", "hdr,tdigest")
				}
				if code, _, stderr := execute(t, args...); code != 0 && code != exitWorse {
					t.Errorf("%s: exit %d\n%s", p.path, code, stderr)
				}
			})
		}
	}
	if n < 2 {
		t.Errorf("%d commands found", n)
	}
}

const module = "github.com/loadgen-go/loadgen/"

// goList runs go list with a template and returns the words of each line.
func goList(t *testing.T, args ...string) (lines [][]string) {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}
