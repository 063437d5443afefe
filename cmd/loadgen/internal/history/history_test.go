package history_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/history"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/lock"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// record returns a record of a day in 2026, always of the same machine.
func record(day int, cells ...history.Cell) history.Record {
	return history.Record{Schema: history.Schema, Commit: fmt.Sprintf("%02dc0ffee%032d", day, day),
		Time: time.Date(2026, 1, day, 12, 0, 0, 0, time.UTC), Machine: "linux/amd64, Z80", Cells: cells}
}

func cell(name, unit string, median float64) history.Cell {
	low, high := median*0.98, median*1.01
	return history.Cell{Name: name, Unit: unit, Median: median, N: 10, Low: &low, High: &high}
}

// encode returns records of a benchmark with a long name, which is missing in one record and regresses in another, and
// of a number of errors, which may be 0.
func encode() []history.Record {
	const name = "example.com/a/module/with/a/long/path.Encode/size=large/codec=protobuf/buffer=pooled-8"
	single := history.Cell{Name: name, Unit: "sec/op", Median: 1.23e-6, N: 1}
	return []history.Record{
		record(2, cell(name, "sec/op", 1.2e-6), cell("m.Send-8", "err-ppm", 0)),
		record(3, single, cell("m.Send-8", "err-ppm", 20)),
		record(4, cell("m.Send-8", "err-ppm", 20)),
		changed(record(5, cell(name, "sec/op", 1.9e-6), cell("m.Send-8", "err-ppm", 2000))),
	}
}

func changed(r history.Record) history.Record {
	r.Commit += "+changes"
	return r
}

func path(t *testing.T) string { return filepath.Join(t.TempDir(), "results", "history.jsonl") }

func TestWhatIsAppendedIsReadAgainInOrderOfTime(t *testing.T) {
	file := path(t)
	want := encode()
	for _, i := range []int{1, 0, 2, 3} {
		if err := history.Append(t.Context(), file, &want[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	got, err := history.Read(file)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestRecordsAddedAtOnceDoNotMix(t *testing.T) {
	file := path(t)
	const writers, each = 8, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				// Some records are longer than what a kernel writes to a pipe in one piece.
				r := record(1+w, cell(strings.Repeat("x", 10_000*(i%3)+1), "B/op", 1))
				if err := history.Append(t.Context(), file, &r, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	all, err := history.Read(file)
	if err != nil || len(all) != writers*each {
		t.Errorf("%d records of %d, %v", len(all), writers*each, err)
	}
}

// Another process may hold the lock for long. Time is fake: the lock is not.
func TestAppendSaysThatItWaitsForTheLockUntilItIsInterrupted(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := lock.Try(f); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		screen := terminal.New(&log, terminal.Options{}, func(string) string { return "" })
		p := terminal.NewProgress(&log, screen, false)
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, interrupt)
		r := record(1, cell("A", "B/op", 1))
		if err := history.Append(ctx, file, &r, p); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want %v", err, context.Canceled)
		}
		p.Close()
		if want := "waiting for another process that writes " + file + "\n"; log.String() != want {
			t.Errorf("%q, want %q", log.String(), want)
		}
		if text, err := os.ReadFile(file); len(text) > 0 || err != nil {
			t.Errorf("%q, %v: want no record", text, err)
		}
	})
}

// A process that holds the lock may write its line in two halves. Without the lock this test fails most of the time,
// but not always.
func TestAppendWaitsForTheLock(t *testing.T) {
	file := path(t)
	first := record(1, cell("A", "B/op", 1))
	for range 50 {
		if err := history.Append(t.Context(), file, &first, nil); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		half := int64(len(whole) / 2)
		if err := errors.Join(lock.Wait(t.Context(), f), f.Truncate(half)); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			second := record(2, cell("A", "B/op", 2))
			done <- history.Append(t.Context(), file, &second, nil)
		}()
		for range 1000 {
			runtime.Gosched()
		}
		_, err = f.WriteAt(whole[half:], half)
		if err := errors.Join(err, f.Close(), <-done); err != nil {
			t.Fatal(err)
		}
		if all, err := history.Read(file); err != nil || len(all) != 2 {
			t.Fatalf("%d records of 2, %v", len(all), err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

func TestABrokenLineIsReportedWithItsPlaceAndTheRestIsRead(t *testing.T) {
	file := path(t)
	for _, r := range encode()[:2] {
		if err := history.Append(t.Context(), file, &r, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct{ line, want string }{
		"not JSON":    {"<<<<<<< HEAD", "no record"},
		"torn":        {`{"schema":1,"commit":"a","cel`, "no record"},
		"of a list":   {`[]`, "no record"},
		"of a string": {`{"schema":1,"commit":7}`, "no record"},
		"later":       {`{"schema":2,"commit":"a"}`, "schema 2, but this loadgen reads 1"},
		"empty":       {`{"schema":1}`, "want a commit, a time and cells"},
		"no unit": {`{"schema":1,"commit":"a","time":"2026-01-02T00:00:00Z","cells":[{"cell":"x","n":1}]}`,
			"cell 1 of the record"},
	} {
		t.Run(name, func(t *testing.T) {
			good, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(good), "\n")
			broken := filepath.Join(t.TempDir(), "h.jsonl")
			if err := os.WriteFile(broken, []byte(lines[0]+test.line+"\n"+lines[1]+test.line), 0o644); err != nil {
				t.Fatal(err)
			}
			// A record that is appended afterwards begins on its own line.
			last := encode()[3]
			if err := history.Append(t.Context(), broken, &last, nil); err != nil {
				t.Fatal(err)
			}
			all, err := history.Read(broken)
			if len(all) != 3 || err == nil {
				t.Fatalf("%d records, %v", len(all), err)
			}
			for _, want := range []string{broken + ":2: ", broken + ":4: ", test.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

// drawn returns the drawing of records.
func drawn(t *testing.T, records []history.Record) string {
	t.Helper()
	text, err := history.Format("text", records, screen(80))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// screen returns the screen of a pipe of a width.
func screen(width int) *terminal.Screen {
	return terminal.New(io.Discard, terminal.Options{}, func(name string) string {
		return map[string]string{"COLUMNS": strconv.Itoa(width)}[name]
	})
}

func TestADrawingFitsATerminal(t *testing.T) {
	golden.Check(t, "text.txt", drawn(t, encode()))
	for _, width := range []int{60, 80, 120} {
		text, err := history.Format("text", encode(), screen(width))
		if err != nil {
			t.Fatal(err)
		}
		widest := 0
		for line := range strings.Lines(text) {
			widest = max(widest, format.Width(strings.TrimSuffix(line, "\n")))
		}
		if widest != width {
			t.Errorf("%d of %d columns:\n%s", widest, width, text)
		}
	}
}

func TestCellsOfTwoMachinesAreDrawnApart(t *testing.T) {
	all := encode()
	all[3].Machine = "darwin/arm64, M9"
	text := drawn(t, all)
	if strings.Count(text, "m.Send-8  err-ppm\non ") != 2 || strings.Contains(text, "x100") {
		t.Errorf("drawn as one:\n%s", text)
	}
	if _, err := history.Format("csv", all, nil); err == nil || !strings.Contains(err.Error(), "darwin/arm64, M9") {
		t.Errorf("as one table: %v", err)
	}
}

// Apache Otava reads this form: a column of times, the oldest first, and a column of plain numbers for each metric.
func TestCSVHasATimeColumnAndOneForEachMetric(t *testing.T) {
	text, err := history.Format("csv", encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll() // as many fields in each
	if err != nil {
		t.Fatal(err)
	}
	name := encode()[0].Cells[0].Name
	if diff := cmp.Diff([]string{"time", "commit", name + " sec/op", "m.Send-8 err-ppm"}, rows[0]); diff != "" {
		t.Error(diff)
	}
	last := time.Time{}
	for i, row := range rows[1:] {
		at, err := time.Parse(time.RFC3339, row[0])
		if err != nil || at.Before(last) {
			t.Errorf("row %d: time %s after %s, %v", i+1, row[0], last, err)
		}
		last = at
		for _, field := range row[2:] {
			if _, err := strconv.ParseFloat(field, 64); err != nil && field != "" {
				t.Error(err)
			}
		}
	}
	if rows[3][2] != "" || rows[4][2] != "0.0000019" {
		t.Errorf("what was not measured is %q, what was is %q", rows[3][2], rows[4][2])
	}
}

func TestAFilterThatMatchesNothingSaysWhatThereIs(t *testing.T) {
	all := encode()
	for _, f := range []history.Filter{
		{Cell: regexp.MustCompile("Decode")}, {Unit: "B/op"}, {Machine: regexp.MustCompile("arm")},
		{Cell: regexp.MustCompile("Send"), Unit: "ns/op"},
	} {
		kept, err := f.Select(all)
		if err == nil || kept != nil {
			t.Fatalf("%v: %d records", f, len(kept))
		}
		for _, want := range []string{"m.Send-8", "sec/op", "err-ppm", "linux/amd64, Z80"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
	}
	kept, err := (&history.Filter{Cell: regexp.MustCompile("^example"), Unit: "ns/op"}).Select(all)
	if err != nil || len(kept) != 3 || len(kept[0].Cells) != 1 || len(all[0].Cells) != 2 {
		t.Errorf("ns/op are sec/op: %d records, %v", len(kept), err)
	}
}

// measured returns the machine and the cells that texts are summed up as.
func measured(t *testing.T, texts ...string) (string, []history.Cell, error) {
	t.Helper()
	var files []string
	for i, text := range texts {
		file := filepath.Join(t.TempDir(), fmt.Sprint(i, ".txt"))
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	lines, _, err := gate.Lines(files, nil, []string{"arrivals"})
	if err != nil {
		t.Fatal(err)
	}
	return history.Measured(lines)
}

const head = "goos: linux\ngoarch: amd64\ncpu: Z80 \npkg: m\n"

func TestARecordHasMediansAndIntervalsOfSixOrMoreValues(t *testing.T) {
	text := head
	for i := range 6 {
		text += fmt.Sprintf("BenchmarkA-8 100 %d ns/op 0 B/op\n", 1000+i)
	}
	machine, cells, err := measured(t, text+"BenchmarkB-8 100 7 ns/op\n", text+"pkg: n\nBenchmarkB-8 100 8 ns/op\n")
	if err != nil || machine != "linux/amd64, Z80" {
		t.Fatalf("machine %q, %v", machine, err)
	}
	var got []string
	for _, c := range cells {
		got = append(got, fmt.Sprintf("%s %s %.6g n=%d %t", c.Name, c.Unit, c.Median, c.N, c.Low != nil &&
			*c.Low <= c.Median && c.Median <= *c.High))
	}
	want := []string{"m.A-8 sec/op 1.0025e-06 n=12 true", "m.A-8 B/op 0 n=12 true", "m.B-8 sec/op 7e-09 n=1 false",
		"n.B-8 sec/op 8e-09 n=1 false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMeasurementsOfTwoMachinesOrConditionsAreNoRecord(t *testing.T) {
	const line = "BenchmarkA-8 100 7 ns/op\n"
	for want, text := range map[string]string{
		"2 machines: linux/amd64, Z80; linux/arm64, Z80": head + line + "goarch: arm64\n" + line,
		"m.A-8 has arrivals: poisson here":               head + line + "arrivals: poisson\n" + line,
	} {
		t.Run(want, func(t *testing.T) {
			if _, _, err := measured(t, text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: want %q", err, want)
			}
		})
	}
}
