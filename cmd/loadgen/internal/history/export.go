package history

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// csvText returns a line for each record, the oldest first, with its time and commit, and a column
// for each cell and unit, which is empty if the record lacks the cell. Change-point
// tools read it, such as Apache Otava with time_column: time and attributes: [commit].
// Records of several machines are an error, since to such a tool another machine would look like
// another program.
func csvText(records []Record) (string, error) {
	if names := machines(records); len(names) > 1 {
		return "", fmt.Errorf("the records are of %d machines, and a CSV table can hold only one: choose it with "+
			"--machine\n  %s", len(names), strings.Join(names, "\n  "))
	}
	header := []string{"time", "commit"}
	columns := map[string]int{}
	for _, s := range split(records) {
		columns[s.name+" "+s.unit] = len(header)
		header = append(header, s.name+" "+s.unit)
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{header}
	for _, r := range records {
		row := make([]string, len(header))
		row[0], row[1] = r.Time.UTC().Format(time.RFC3339), r.Commit
		for _, c := range r.Cells {
			row[columns[c.Name+" "+c.Unit]] = strconv.FormatFloat(c.Median, 'g', -1, 64)
		}
		rows = append(rows, row)
	}
	err := w.WriteAll(rows)
	return b.String(), err
}

// jsonText returns the records as a JSON list.
func jsonText(records []Record) (string, error) {
	data, err := json.MarshalIndent(records, "", "  ")
	return string(data) + "\n", err
}

// Formats are the formats of Format.
var Formats = []string{"text", "csv", "json"}

// Format writes records in one of Formats.
func Format(format string, records []Record) (string, error) {
	switch format {
	case "text":
		return Text(records), nil
	case "csv":
		return csvText(records)
	case "json":
		return jsonText(records)
	}
	return "", fmt.Errorf("--format: %q is unknown: want one of %s", format, strings.Join(Formats, ", "))
}
