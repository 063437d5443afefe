package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestNumbersHaveThreeDigitsAndNoExponent(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 4: "4", 10: "10", 4.001: "4", -0.0001: "0", 0.0421: "0.042", 0.9996: "1", 1.234: "1.23",
		9.996: "10", 12.34: "12.3", 99.96: "100", 123.4: "123", 1e7: "10000000", -1.5: "-1.5",
	} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %q: want %q", x, got, want)
		}
	}
}

func TestATableHasARowForEachCellAndSaysWhatWasCutOff(t *testing.T) {
	s := section{
		name: "lag", title: "how late", head: []string{"who"}, columns: []string{"p50 us", "early"},
		cells: []cell{{labels: []string{"we"}}, {labels: []string{"another"}}},
		notes: []string{"A note."},
	}
	rounds := [][]figures{
		{{values: []float64{1, 0}}, {values: []float64{30.25, missing}, cut: 1500 * time.Millisecond}},
		{{values: []float64{1, 0}}, {values: []float64{10, missing}}},
		{{values: []float64{1, 0}}, {values: []float64{20, missing}, cut: 2 * time.Second}},
	}
	const want = `
lag: how late
median (min..max) of 3 rounds

who      p50 us         early
we       1              0
another  20 (10..30.2)  -  cut off after 1.5s in 2 of 3
  A note.
`
	var b strings.Builder
	if err := s.print(&b, rounds); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", b.String(), want)
	}
}

func TestATableThatCannotBeWrittenIsAnError(t *testing.T) {
	s := section{name: "lag"}
	if err := s.print(fullDisk{}, nil); err == nil || !strings.Contains(err.Error(), "lag: disk full") {
		t.Errorf("the error is %v: want one that names the section and the cause", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }
