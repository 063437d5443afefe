package rounds

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnAnswerIsALineOrAnErrorAndEndsInTimeOnceItIsInterrupted(t *testing.T) {
	const day = 24 * time.Hour
	type do = func(context.Context, *[]int) (any, error)
	for _, c := range []struct {
		name, request string
		do            do
		interrupted   bool // after an hour
		line, err     string
		took          time.Duration
	}{
		{"a line", "[1]", func(_ context.Context, r *[]int) (any, error) { return *r, nil }, false, "[1]\n", "", 0},
		{"an error", "[1]", func(context.Context, *[]int) (any, error) { return nil, io.ErrNoProgress }, false, "",
			io.ErrNoProgress.Error(), 0},
		{"no request", `{"a":1}`, nil, false, "", "reading what to try: json: cannot unmarshal", 0},
		{"no JSON", "[1]", func(context.Context, *[]int) (any, error) { return func() {}, nil }, false, "",
			"writing the try: json: unsupported type", 0},
		{"the end of the goroutine", "[1]", func(context.Context, *[]int) (any, error) {
			runtime.Goexit()
			return 1, nil
		},
			false, "", "runtime.Goexit", 0},
		{"once it is interrupted", "[1]", func(ctx context.Context, _ *[]int) (any, error) {
			<-ctx.Done()
			return 2, nil
		},
			true, "2\n", ErrInterrupted.Error(), time.Hour},
		{"within the grace", "[1]", func(ctx context.Context, _ *[]int) (any, error) {
			<-ctx.Done()
			time.Sleep(59 * time.Second)
			return 2, nil
		}, true, "2\n", ErrInterrupted.Error(), time.Hour + 59*time.Second},
		{"never", "[1]", func(context.Context, *[]int) (any, error) { time.Sleep(day); return 2, nil }, true, "",
			ErrInterrupted.Error(), time.Hour + time.Minute},
		{"an error after an interrupt", "[1]", func(ctx context.Context, _ *[]int) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, true, "", context.Canceled.Error(), time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, w := io.Pipe()
				go func() {
					_, _ = io.WriteString(w, c.request) // not read to its end if it is no request
					if c.interrupted {
						time.Sleep(time.Hour)
						_ = w.Close()
					}
				}()
				var out bytes.Buffer
				began := time.Now()
				err := Answer(t.Context(), &Asker{In: in, Out: &out, Grace: time.Minute}, "try", c.do)
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				if out.String() != c.line {
					t.Errorf("it wrote %q, want %q", &out, c.line)
				}
				_ = in.CloseWithError(errors.New("the end of the test"))
				time.Sleep(day) // until all goroutines have ended
			})
		})
	}
}

// The answer of a visit's process is a visit, a reason to end the run, or an error.
func FuzzVisitAnswer(f *testing.F) {
	for _, text := range []string{`{"changed":{"Input":{"kind":"program","name":"x"}}}`, `{"error":"x"}`,
		`{"level":"info"}`, `{"record":{}}`, `{"Visit":null}`, `null`, `[]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var a visitAnswer
		if err := a.UnmarshalJSON(line); err != nil {
			return
		}
		if a.Changed == nil && (a.Visit == nil || a.Error == "" && a.Record == nil) {
			t.Errorf("it is neither a visit nor a reason: %+v", a)
		}
	})
}
