package record_test

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/record"
)

func TestAnObjectiveIsReadAndPrinted(t *testing.T) {
	for text, want := range map[string]string{
		"p99 < 5ms":                            "p99 < 5ms",
		"  p99.9<=5ms ":                        "p99.9 <= 5ms",
		"p50 < 90s":                            "p50 < 1m30s",
		"p50 < 1m30s":                          "p50 < 1m30s",
		"max < 1.5h":                           "max < 1h30m0s",
		"max < 20µs":                           "max < 20µs",
		"max < 20μs":                           "max < 20µs", // the Greek letter
		"mean < 20us over every 1s":            "mean < 20µs over every 1s",
		"p99 < 5ms over every 1m30s":           "p99 < 5ms over every 1m30s",
		"p99 < 5ms  over  every 1s ":           "p99 < 5ms over every 1s",
		"errors < 0.1%":                        "errors < 0.1%",
		"errors < 0.001":                       "errors < 0.1%",
		"errors <= 0":                          "errors <= 0%",
		"errors <= 100%":                       "errors <= 100%",
		"drops < 10ppm":                        "drops < 10ppm",
		"drops < 100ppm":                       "drops < 0.01%",
		"drops < 0.001ppm":                     "drops < 0.001ppm",
		"achieved > 99%":                       "achieved > 99%",
		"achieved >= 1":                        "achieved >= 100%",
		"achieved>=99.99999% over every 100ms": "achieved >= 99.99999% over every 100ms",
	} {
		t.Run(text, func(t *testing.T) {
			s, err := record.ParseSLO(text)
			if err != nil || s.String() != want {
				t.Errorf("%q is read as %q, %v; want %q", text, s, err, want)
			}
			if again, err := record.ParseSLO(s.String()); again != s || err != nil {
				t.Errorf("%q, printed as %q, is read as %+v, %v", text, s, again, err)
			}
		})
	}
}

func TestAWrongObjectiveIsRefusedWithWhatIsWrong(t *testing.T) {
	for text, why := range map[string]string{
		"":                         "character 1: the text ends before p99 or another percentile",
		"p99":                      "character 4: the text ends before <",
		"p99 = 5ms":                `character 5: "= 5ms" is not <, <=`,
		"p99 < 5ms or so":          `character 11: "or so" is not the end, or over every 1s`,
		"latency < 5ms":            `character 1: "latency < 5ms" is not p99 or another`,
		"p99 < -5ms":               `character 7: "-5ms" is not a bound such as`,
		"p99<":                     "character 5: the text ends before a bound",
		"p99 < 5ms over every":     "character 21: the text ends before a window length",
		"p100 < 5ms":               `"p100" is not a percentile`,
		"p0 < 5ms":                 `"p0" is not a percentile`,
		"p9.9.9 < 5ms":             `"p9.9.9" is not a percentile`,
		"p99.99999999999 < 5ms":    `"p99.99999999999" is not a percentile`,
		"p0.00000000001 < 5ms":     "is not a percentile",
		"p99 < 5":                  `"5" is not a bound for p99: want a duration`,
		"p99 < 5%":                 "want a duration",
		"max < 0s":                 "want a duration above 0",
		"max < 2000000h":           "at most 1000h0m0s",
		"errors < 5ms":             `"5ms" is not a bound for errors: want a share`,
		"errors < 101%":            "want a share from 0 to 1",
		"errors < 0.0001ppm":       "want at least 0.001ppm",
		"errors > 1%":              `">" is the wrong way round for errors`,
		"p99 > 1ms":                `">" is the wrong way round for p99`,
		"achieved < 99%":           `"<" is the wrong way round for achieved`,
		"errors < 0%":              "no run can meet it",
		"drops < 0":                "no run can meet it",
		"achieved > 100%":          "no run can meet it",
		"p99 < 5ms over every 5":   `"5" is not a window length`,
		"p99 < 5ms over every -1s": `"-1s" is not a window length`,
		"p99 < 5ms over every 0s":  `"0s" is not a window length`,
	} {
		t.Run(text, func(t *testing.T) {
			_, err := record.ParseSLO(text)
			if err == nil || !strings.Contains(err.Error(), why) ||
				!strings.Contains(err.Error(), "want an objective such as") {
				t.Errorf("%q: %v; want an error that says %q, and what was wanted", text, err, why)
			}
		})
	}
}

func FuzzAnObjectiveThatIsReadIsPrintedAsOneThatIsEqual(f *testing.F) {
	for _, text := range []string{"p99 < 5ms", "max < 1h2m3.5s", "mean<=1ns", "errors < 0.1%", "drops < 10ppm",
		"achieved >= 99.5% over every 1.5s", "p99.90 < 1us",
		"errors < 0.00000001%", "p99.999999999999 < 1s", "max < 2562047h47m16.854775807s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := record.ParseSLO(text)
		if err != nil {
			return
		}
		if again, err := record.ParseSLO(s.String()); again != s || err != nil {
			t.Errorf("%q, printed as %q, is read as %+v, %v; want %+v", text, s, again, err, s)
		}
	})
}
