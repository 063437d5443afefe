package history

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// CSV returns a line for each record, the oldest first, with its time and commit, and a column
// for each cell and unit, which is empty if the record lacks the cell. Change-point
// tools read it, such as Apache Otava with time_column: time and attributes: [commit].
// Records of several machines are an error, since to such a tool another machine would look like
// another program.
func csvText(records []Record) (string, error) {
	rows, err := table(records)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = csv.NewWriter(&b).WriteAll(rows)
	return b.String(), err
}

// table returns the rows of CSV and TSV.
func table(records []Record) ([][]string, error) {
	if all := machines(records); len(all) > 1 {
		return nil, fmt.Errorf("the records are of %d machines, of which a table takes one: --machine "+
			"chooses it\n  %s", len(all), strings.Join(all, "\n  "))
	}
	header := []string{"time", "commit"}
	columns := map[string]int{}
	for _, s := range split(records) {
		columns[s.name+" "+s.unit] = len(header)
		header = append(header, s.name+" "+s.unit)
	}
	rows := [][]string{header}
	for _, r := range records {
		row := make([]string, len(header))
		row[0], row[1] = r.Time.UTC().Format(time.RFC3339), r.Commit
		for _, c := range r.Cells {
			row[columns[c.Name+" "+c.Unit]] = format.Exact(c.Median)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// A document is records as JSON.
type document struct {
	Schema  int      `json:"schema"`
	Kind    string   `json:"kind"` // history
	Records []Record `json:"records"`
}

// jsonText writes the records as one document.
func jsonText(records []Record) (string, error) {
	data, err := json.MarshalIndent(document{Schema, "history", records}, "", "  ")
	return string(data) + "\n", err
}

// Formats returns the formats that Format writes.
func Formats() []string { return []string{"text", "csv", "json", "tsv"} }

// Format returns records as one of Formats. Text is for a screen.
func Format(as string, records []Record, s *terminal.Screen) (string, error) {
	switch as {
	case "text":
		return s.Symbols(draw(records, s.Width)), nil
	case "csv":
		return csvText(records)
	case "json":
		return jsonText(records)
	case "tsv":
		rows, err := table(records)
		return format.TSV(rows), err
	}
	return "", fmt.Errorf("--format: %q is unknown: want one of %s", as, strings.Join(Formats(), ", "))
}
