package rounds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/revision"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/rng"
)

// Benchmarks holds the benchmarks of a package at two revisions. Each round runs both sides, in random order.
type Benchmarks struct {
	Sides       [2]BenchSide
	Match, Time string // values of -bench and -benchtime of go test
	Rounds      int
	Seed        uint64             // seed of the order
	Progress    *terminal.Progress // shows the rounds; nil shows none
	Grace       time.Duration      // longest time that a test binary may take to end after an interrupt
}

// A BenchSide is the test binary of a package at a revision.
type BenchSide struct {
	revision.Side
	Program string // the test binary
	Package string // the directory of the package, in which Program runs as under go test
}

// BenchFiles holds the files that receive the output of benchmarks, one for each side.
type BenchFiles struct {
	*Benchmarks
	Paths [2]string
	files [2]*os.File
}

// Create creates the files of a run of the benchmarks in a directory. It returns an error if one of the files exists.
func (b *Benchmarks) Create(out string) (*BenchFiles, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	r := &BenchFiles{Benchmarks: b}
	for i, side := range b.Sides {
		r.Paths[i] = filepath.Join(out, side.Name+".bench")
		f, err := os.OpenFile(r.Paths[i], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		r.files[i] = f
		if err == nil {
			_, err = fmt.Fprintf(f, "# loadgen run --bench  side=%s  commit=%s  seed=%d  rounds=%d  order=random\n",
				side.Name, side.Commit, b.Seed, b.Rounds)
		}
		if errors.Is(err, os.ErrExist) {
			err = fmt.Errorf("%s is there already: want a new directory, or remove it first", r.Paths[i])
		}
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	return r, nil
}

// Run runs all rounds, closes the files, and returns the number of complete rounds. If ctx ends, Run stops early. It
// writes only complete rounds, so that the i-th lines of both files belong to the same round.
func (r *BenchFiles) Run(ctx context.Context) (rounds int, err error) {
	rounds, err = r.run(ctx)
	return rounds, errors.Join(err, r.close())
}

// run runs all rounds, and returns the number of complete rounds.
func (r *BenchFiles) run(ctx context.Context) (rounds int, err error) {
	r.Progress.Begin(terminal.Stage{Steps: 2 * r.Rounds, Noun: "run"})
	defer r.Progress.End()
	defer r.Progress.AfterInterrupt(ctx, "the benchmarks to end")()
	order := rng.New(r.Seed, rng.Order)
	for round := 1; round <= r.Rounds; round++ {
		var printed [2][]byte
		for _, i := range order.Perm(2) {
			r.Progress.Next(fmt.Sprintf("round %d of %d", round, r.Rounds), r.Sides[i].Name, 0)
			printed[i], err = r.once(ctx, &r.Sides[i])
			switch {
			case ctx.Err() != nil:
				return round - 1, nil
			case err != nil:
				return round - 1, fmt.Errorf("benchmarks of %s, round %d: %w", r.Sides[i], round, err)
			}
		}
		for i, f := range r.files {
			if _, err := fmt.Fprintf(f, "# round %d\n%s", round, printed[i]); err != nil {
				return round - 1, err
			}
		}
	}
	return r.Rounds, nil
}

// once runs the benchmarks of a side once, and returns the lines that they print.
func (b *Benchmarks) once(ctx context.Context, side *BenchSide) ([]byte, error) {
	cmd := child.Command(ctx, side.Program, "-test.run=^$", "-test.bench="+b.Match, "-test.benchtime="+b.Time,
		"-test.benchmem", "-test.paniconexit0")
	cmd.Dir, cmd.WaitDelay = side.Package, b.Grace
	var stdout, stderr bytes.Buffer
	names := &nameWriter{begun: func(name string) { b.Progress.Now(side.Name + " " + name) }}
	cmd.Stdout = io.MultiWriter(&stdout, names)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, clip(stdout.String()+stderr.String()))
	}
	if !bytes.Contains(stdout.Bytes(), []byte("Benchmark")) {
		return nil, fmt.Errorf("none matches %q: want some on both sides (--benchmarks)", b.Match)
	}
	if !bytes.Contains(stdout.Bytes(), []byte("PASS\n")) {
		return nil, fmt.Errorf("it ended before all benchmarks had run, without PASS\n%s",
			clip(stdout.String()+stderr.String()))
	}
	return wholeLines(stdout.Bytes()), nil
}

// A nameWriter calls begun with the name of each benchmark that begins, which a test binary writes at the beginning of
// a line. The result follows on the same line.
type nameWriter struct {
	begun func(name string)
	line  []byte // the last line, if its name is incomplete
}

// longestName is how much of a line is kept, in which a benchmark may print without end.
const longestName = 1 << 10

// Write always returns len(p) and no error.
func (n *nameWriter) Write(p []byte) (int, error) {
	n.line = append(n.line, p...)
	for {
		line, rest, whole := bytes.Cut(n.line, []byte("\n"))
		if name, _, ok := bytes.Cut(line, []byte("\t")); ok && bytes.HasPrefix(name, []byte("Benchmark")) {
			n.begun(string(bytes.TrimSpace(name)))
		}
		if !whole {
			n.line = line[:min(len(line), longestName)]
			return len(p), nil
		}
		n.line = rest
	}
}

// wholeLines returns the output of a round without PASS, ending in a newline. It indents lines that begin with #,
// so that they do not look like the comments that this package writes.
func wholeLines(printed []byte) []byte {
	text := bytes.ReplaceAll(printed, []byte("\nPASS\n"), []byte("\n"))
	text = bytes.ReplaceAll(append([]byte("\n"), text...), []byte("\n#"), []byte("\n #"))[1:]
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	return text
}

// close closes the files that were created.
func (r *BenchFiles) close() error {
	var errs []error
	for _, f := range r.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
