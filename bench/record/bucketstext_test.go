package record_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/internal/property"
)

func TestBucketsAreReadAsTheyWereWritten(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		var written, read record.Buckets
		for _, d := range rapid.SliceOfN(rapid.Int64Range(-1, int64(3*time.Hour)), 0, 50).Draw(t, "durations") {
			written.Add(time.Duration(d))
		}
		text, err := written.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := read.UnmarshalText(text); err != nil || read != written {
			t.Fatalf("%q: %v: read %+v, written %+v", text, err, read, written)
		}
	})
}

func TestBucketsThatAreDamagedAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no base64":                 "*",
		"bits past the end":         "AQB",
		"nothing but the shortest":  "AQ",
		"no bucket":                 "AQA",
		"a bucket without a count":  "AQAB",
		"a count of 0":              "AQABAA",
		"the shortest is elsewhere": "AQACAQ",
		"the longest is elsewhere":  "AQUBAQ",
		"past the last bucket":      "AQD/////DwE",
		"longer than need be":       "gQAAAQE",
	} {
		t.Run(name, func(t *testing.T) {
			var b record.Buckets
			if err := b.UnmarshalText([]byte(text)); err == nil || b != (record.Buckets{}) {
				t.Errorf("%v, %+v", err, b)
			}
		})
	}
}

// A text that is read is written again unchanged.
func FuzzBuckets(f *testing.F) {
	for _, text := range []string{"", "AQABAQ", "AQUBAQIB", "*"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b record.Buckets
		if b.UnmarshalText([]byte(text)) != nil {
			return
		}
		if again, err := b.MarshalText(); err != nil || string(again) != text {
			t.Errorf("%q is written as %q, %v", text, again, err)
		}
	})
}
