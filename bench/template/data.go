package template

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"os"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/internal/rng"
	"golang.org/x/net/http/httpguts"
)

// Data is a table whose rows fill templates.
type Data struct {
	// CSV is the name of a file of comma-separated values. Its first row has the names of the columns.
	CSV string `json:"csv"`
	// Pick says which row a call uses: "random", "sequential" (again from the first after the last)
	// or "unique", which fails calls after the last row. The default is random.
	Pick string `json:"pick,omitempty"`
}

// A Table holds the rows of a Data.
type Table struct {
	file    string
	columns []string
	rows    [][]string
	pick    string
	start   uint64 // of the random numbers that pick rows
}

// Ways to pick the row of a call.
const (
	pickRandom     = "random"
	pickSequential = "sequential"
	pickUnique     = "unique"
)

// ReadTables reads tables by their names. The error lists everything that is wrong with them.
func ReadTables(data map[string]Data, seed uint64) (map[string]*Table, error) {
	tables := map[string]*Table{}
	var problems []error
	for i, name := range slices.Sorted(maps.Keys(data)) {
		t, err := data[name].read()
		if err != nil {
			problems = append(problems, fmt.Errorf("data.%s: %w", name, err))
			continue
		}
		t.start = rng.Start(seed, rng.Rows+rng.Stream(i))
		tables[name] = t
	}
	return tables, errors.Join(problems...)
}

// Unique returns the shortest of the tables whose rows are used once, or nil if there is none.
func Unique(tables map[string]*Table) (shortest *Table) {
	for _, t := range tables {
		if t.pick == pickUnique && (shortest == nil || len(t.rows) < len(shortest.rows)) {
			shortest = t
		}
	}
	return shortest
}

// UsedOnce returns the file of a table from [Unique] and the number of its rows, which is the number of calls that it
// suffices for. File is "" if t is nil, so that there is no limit.
func (t *Table) UsedOnce() (file string, rows uint64) {
	if t == nil {
		return "", 0
	}
	return t.file, uint64(len(t.rows))
}

// Spent returns an error if the rows of a table from [Unique] do not suffice for call n. There is none if t is nil.
func (t *Table) Spent(n uint64) error {
	if file, rows := t.UsedOnce(); file == "" || n < rows {
		return nil
	}
	return fmt.Errorf("%s has %d rows to be used once, and this is call %d: want more rows, fewer calls, or pick: "+
		"sequential", t.file, len(t.rows), n+1)
}

func (d Data) read() (*Table, error) {
	pick := d.Pick
	if pick == "" {
		pick = pickRandom
	}
	picks := []string{pickRandom, pickSequential, pickUnique}
	if !slices.Contains(picks, pick) {
		return nil, fmt.Errorf("pick is %q: want one of %s", d.Pick, strings.Join(picks, ", "))
	}
	if d.CSV == "" {
		return nil, fmt.Errorf("csv is empty: want the name of a file of comma-separated values")
	}
	text, err := os.ReadFile(d.CSV)
	if err != nil {
		return nil, err
	}
	t, err := parseTable(d.CSV, text)
	if err != nil {
		return nil, err
	}
	t.pick = pick
	return t, nil
}

// parseTable parses the text of a file of comma-separated values.
func parseTable(file string, text []byte) (*Table, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s has %d rows: want one with the names of columns, and at least one with values",
			file, len(rows))
	}
	t := &Table{file: file, columns: rows[0], rows: rows[1:]}
	for i, c := range t.columns {
		t.columns[i] = strings.TrimSpace(c)
		if slices.Contains(t.columns[:i], t.columns[i]) {
			return nil, fmt.Errorf("%s:1: two columns have the name %q", file, t.columns[i])
		}
	}
	return t, nil
}

// column returns the values of a column, as they are written in a text.
func (t *Table) column(name string, q Quoting) ([][]byte, error) {
	i := slices.Index(t.columns, name)
	if i < 0 {
		return nil, fmt.Errorf("%s has no column %q: want one of %s", t.file, name, strings.Join(t.columns, ", "))
	}
	values := make([][]byte, len(t.rows))
	for k, row := range t.rows {
		if q == InHeader && !httpguts.ValidHeaderFieldValue(row[i]) {
			return nil, fmt.Errorf("%s: %q in row %d has a control character, such as a line break, which a header "+
				"cannot hold", t.file, name, k+2)
		}
		values[k] = appendQuoted(nil, row[i], q)
	}
	return values, nil
}

// row returns the index of the row of call n. For unique rows, n must be smaller than their number.
func (t *Table) row(n uint64) int {
	rows := uint64(len(t.rows))
	if t.pick == pickRandom {
		i, _ := bits.Mul64(rng.Mix(t.start+n*rng.Golden), rows)
		return int(i)
	}
	return int(n % rows)
}

// names returns the sorted names of tables.
func names(tables map[string]*Table) string {
	return strings.Join(slices.Sorted(maps.Keys(tables)), ", ")
}
