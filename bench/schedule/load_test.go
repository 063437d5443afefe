package schedule_test

import (
	"fmt"
	"log"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

func TestALoadSurvivesPrinting(t *testing.T) {
	for text, want := range map[string]string{
		"const:5k/s@30s":                                "const:5k/s@30s",
		"const:5000@0.5m":                               "const:5k/s@30s",
		"const:5k/s":                                    "const:5k/s",
		" const : 300k/m @ 1h0m  poisson ":              "const:5k/s@1h poisson",
		"ramp:1k..20k/s@1m":                             "ramp:1k..20k/s@1m",
		"ramp: 600 .. 1200/m @ 90s":                     "ramp:10..20/s@1m30s",
		"ramp:600/h..1200/m@1h5s":                       "ramp:1/6..20/s@1h0m5s",
		"ramp:0..1000/3@1ms constant":                   "ramp:0..1000/3/s@1ms constant",
		"step:1k..5k/s@1m(steps=5)":                     "step:1k..5k/s@1m(steps=5)",
		"spike:1k..20k/s@1m":                            "spike:1k..20k/s@1m(at=27s,for=6s)",
		"spike:1k..20k/s@1m ( for = 4s )":               "spike:1k..20k/s@1m(at=28s,for=4s)",
		"spike:1k..20k/s@1m(for=5s,at=30s)":             "spike:1k..20k/s@1m(at=30s,for=5s)",
		"spike:1k..20k/s@1m(at=0s)":                     "spike:1k..20k/s@1m(at=0s,for=6s)",
		"sine:1k..5k/s@1m":                              "sine:1k..5k/s@1m(period=1m)",
		"sine:1k..5k/s@1m(period=20s)":                  "sine:1k..5k/s@1m(period=20s)",
		"stages:0..1k@10s..5k@30s..0/s@10s gamma(cv=2)": "stages:0..1k@10s..5k@30s..0/s@10s gamma(cv=2)",
		"ramp:0..1.5M@10s+const:1.5M@30s + ramp:1.5M..0/s@10s": "ramp:0..1500k/s@10s + const:1500k/s@30s + " +
			"ramp:1500k..0/s@10s",
		"const:1@1s + const:0@1s + const:1 bursts(size=3)": "const:1/s@1s + const:0/s@1s + const:1/s " +
			"bursts(size=3)",
		"replay:access.jsonl":                        "replay:access.jsonl",
		"replay: access.jsonl @ 30s ( speed = 2.0 )": "replay:access.jsonl@30s(speed=2)",
		"replay:a/b+c-1,2..3.txt(speed=1)":           `replay:"a/b+c-1,2..3.txt"`,
		`replay:"name with blanks.txt"@30s`:          `replay:"name with blanks.txt"@30s`,
		`replay:"a\"b@c(d\xff.txt"`:                  `replay:"a\"b@c(d\xff.txt"`,
		`replay:"é.txt"`:                             "replay:é.txt",
	} {
		t.Run(text, func(t *testing.T) {
			l, err := schedule.ParseLoad(text)
			if err != nil || l.String() != want {
				t.Errorf("%q is %q, %v; want %q", text, l, err, want)
				return
			}
			again := load(t, want)
			if !again.Equal(l) || again.String() != want {
				t.Errorf("%q is read as %q", want, again)
			}
			if l.Equal(load(t, "const:3/s@3s")) || l.Equal(schedule.Load{}) {
				t.Errorf("%q equals another", text)
			}
		})
	}
	for _, example := range schedule.Shapes() {
		t.Run(example, func(t *testing.T) {
			if got := rateCurve(t, example).String(); got != example {
				t.Errorf("%q is printed as %q", example, got)
			}
		})
	}
}

func TestAWrongLoadIsRefusedWithThePlace(t *testing.T) {
	for text, want := range map[string]string{
		"": `character 1: "" is unknown: want one of const:5k/s@30s, ` +
			`ramp:1k..20k/s@1m, step:1k..5k/s@1m(steps=5), spike:`,
		"5k/s":        `character 1: "5k/s" is unknown`,
		"poisson":     `character 1: "poisson" is unknown`,
		"const":       `character 6: no colon after const: want const:5k/s@30s`,
		"const:":      `character 7: rate "": not a number: want calls per second`,
		"const:fast":  `character 7: rate "fast": not a number`,
		"const:-5":    `character 7: rate "-5": not above zero`,
		"const:2G":    `character 7: rate "2G": not a number`,
		"const:2000M": `character 7: rate "2000M": more than 1,000,000,000 per second`,
		"const:0":     `character 1: endless, but without calls: want a rate above 0`,
		"const:0@1s":  `character 11: no calls up to here: want a rate above 0`,
		"const:5k@": `character 10: "" is not a valid time: want one above 0, such as ` +
			`500ms, 30s or 1h30m`,
		"const:5k@0s":       `character 10: "0s" is not a valid time`,
		"const:5k@-1s":      `character 10: "-1s" is not a valid time`,
		"const:5k@30":       `character 10: "30" is not a valid time`,
		"const:5k@9999999h": `character 10: "9999999h" is not a valid time`,
		"const:1..2@1s":     `character 14: rates: 2: want const:5k/s@30s`,
		"const:5k(x=1)":     `character 9: const takes nothing in brackets`,
		"ramp:5k@1s":        `character 11: rates: 1: want ramp:1k..20k/s@1m`,
		"ramp:1k..5k":       `character 12: no time after the rate: want ramp:1k..20k/s@1m`,
		"ramp:1k@1s..5k@1s": `character 8: a time after the first rate: want ramp:1k..20k/s@1m`,
		"ramp:0..0@1s":      `character 13: every rate is 0: want one above 0`,
		"ramp:1..2..3@1s":   `character 16: rates: 3`,
		"ramp:1k..x@1s":     `character 10: rate "x": not a number`,
		"ramp:x..1k@1s":     `character 6: rate "x": not a number`,
		"step:1k..5k@1m":    `character 15: steps is missing: want step:1k..5k/s@1m(steps=5)`,
		"step:1k..5k@1m(steps=1)": `character 22: "1" is not valid: want 2 to 1000 steps, of at least ` +
			`1ns each`,
		"step:1k..5k@1m(steps=1001)":          `character 22: "1001" is not valid`,
		"step:1k..5k@3ns(steps=4)":            `character 23: "4" is not valid`,
		"step:1k..5k@1m(step=3)":              `character 16: "step=3" does not set steps: want step:`,
		"step:1k..5k@1m(steps)":               `character 16: "steps" does not set steps`,
		"step:1k..5k@1m(steps=3":              `character 23: no closing bracket`,
		"step:1k..5k@1m(steps=3, steps=4)":    `character 25: steps is given twice`,
		"spike:1k..5k@1m(at=50s,for=20s)":     `character 20: at is 50s: want 0s to 40s`,
		"spike:1k..5k@1m(for=2m)":             `character 21: for is 2m: want 1ns to 1m`,
		"spike:1k..5k@1m(for=0s)":             `character 21: for is 0s: want 1ns to 1m`,
		"spike:1k..5k@1m(for= long)":          `character 22: "long" is not a valid time: want one such as 500ms`,
		"sine:1k..5k@1h(period=1s)":           `character 23: period is 1s: want 3.`,
		"sine:1k..5k@50ns":                    `character 17: period is 50ns: want 96ns to`,
		"stages:1k@1s":                        `character 13: rates: 1: want stages:`,
		"stages:1k@1s..2k@1s":                 `character 10: a time after the first rate`,
		"stages:1k..2k..3k@1s":                `character 14: no time after the rate: want stages:`,
		"stages:0..0@1s":                      `character 15: every rate is 0`,
		"stages:0..1@2000000h..1@2000000h":    `character 25: longer than 292 years in total: want less`,
		"const:1@2000000h + const:1@2000000h": `character 28: longer than 292 years in total`,
		"const:1 + const:1@1s": `character 9: another curve after an endless one: want a time before ` +
			`it`,
		"const:1@1s +":           `character 13: "" is unknown`,
		"const:1@1s poison":      `character 12: "poison" is unknown (did you mean poisson?): want one of constant`,
		"const:1@1s poisson x":   `character 20: "x" is left over: want nothing after the process`,
		"const:1@1s gamma":       `character 17: cv is missing`,
		"const:1@1s gamma(cv=0)": `character 21: "0" is not valid`,
		"step:1..2@1s(steps=2)poisson": `character 22: "poisson" is left over: want nothing after the rate ` +
			`curve, + and another, or a blank and a process`,
		"const:1@1s, poisson":   `character 11: ", poisson" is left over`,
		"const:1@1s + replay:x": `character 14: a replay is a load of its own`,
		"replay": `character 7: no colon after replay: want ` +
			`replay:access.jsonl@30s(speed=2)`,
		"replay:":             `character 8: no file name`,
		"replay:@1s":          `character 8: no file name`,
		`replay:"x`:           `character 8: no closing quote`,
		`replay:"x\000"`:      `character 8: no file name`,
		"replay:x@soon":       `character 10: "soon" is not a valid time`,
		"replay:x(speed=0)":   `character 16: "0" is not valid: want a speed from 1e-06 to 1e+06`,
		"replay:x(speed=NaN)": `character 16: "NaN" is not valid`,
		"replay:x(fast)":      `character 10: "fast" does not set speed or time`,
		"replay:x poisson": `character 10: "poisson" is left over: want nothing after a ` +
			`replay, which takes no other curve and no process`,
		"replay:x + const:1@1s": `character 10: "+ const:1@1s" is left over`,
		"replay:é@later":        `character 10: "later" is not a valid time`,
		strings.Repeat("const:1@1s+", 1001) + "x": `1001 rates and 1001 pieces up to here: want ` +
			`at most 1000 and 100000`,
		"sine:1..2@1000s(period=1s) + sine:1..2@1000s(period=1s)": `pieces up to here`,
	} {
		t.Run(fmt.Sprintf("%.40s", text), func(t *testing.T) {
			if l, err := schedule.ParseLoad(text); err == nil || !strings.Contains(err.Error(), want) ||
				!l.Equal(schedule.Load{}) {
				t.Errorf("%.60q: %v, want %q in it", text, err, want)
			}
		})
	}
	for text, want := range map[string]string{
		"const:1@1s poisson": `rate curve "const:1@1s poisson": character 12: "poisson" is left over: want ` +
			`nothing after the rate curve`,
		"const:x":  `character 7`,
		"replay:x": `character 1: a replay is a load of its own and cannot be part of a rate curve`,
	} {
		t.Run(text, func(t *testing.T) {
			if _, err := schedule.ParseRateCurve(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q in it", text, err, want)
			}
		})
	}
}

func ExampleParseLoad() {
	l, err := schedule.ParseLoad("ramp:0..1k/s@10s + const:1k/s@30s poisson")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.RateCurve.Duration(), l.RateCurve.Calls(), l.RateCurve.At(5*time.Second), l.Process)

	_, err = schedule.ParseLoad("ramp:0..1k/s@soon poisson")
	fmt.Println(err)
	// Output:
	// 40s 35000 500 poisson
	// load "ramp:0..1k/s@soon poisson": character 14: "soon" is not a valid time: want one above 0, such as 500ms, 30s or 1h30m
}

func FuzzParseLoad(f *testing.F) {
	for _, text := range append(schedule.Shapes(), "const:1k/s poisson",
		"ramp:0..1k/s@10s + const:1k/s@30s gamma(cv=2)", `replay:"a b"@1s(speed=.5)`) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := schedule.ParseLoad(text)
		if err != nil {
			if !strings.Contains(err.Error(), "character ") || !strings.Contains(err.Error(), "want ") {
				t.Errorf("%q: %v does not tell the place and what was wanted", text, err)
			}
			return
		}
		again, err := schedule.ParseLoad(l.String())
		if err != nil || !again.Equal(l) || again.String() != l.String() ||
			again.RateCurve.Calls() != l.RateCurve.Calls() || again.RateCurve.Peak() != l.RateCurve.Peak() {
			t.Errorf("%q is %q, and that is read as %q, %v", text, l, again, err)
		}
		if l.Replay.Path != "" {
			return
		}
		if l.RateCurve.Calls() == 0 || l.RateCurve.Duration() <= 0 || !(l.RateCurve.Peak() > 0) ||
			math.IsInf(l.RateCurve.Peak(), 0) {
			t.Errorf("%q has %d calls in %v, and a peak of %v", text, l.RateCurve.Calls(), l.RateCurve.Duration(),
				l.RateCurve.Peak())
		}
		a, err := l.Or(schedule.At(1).Process).Arrivals(1)
		if err != nil {
			t.Fatal(err)
		}
		last := time.Duration(0)
		i := a.From(0)
		for range 1000 {
			due, ok := i.Next()
			if ok && (due < last || due >= a.Duration()) {
				t.Fatalf("%q: a call at %d after %d, of %d", text, due, last, a.Duration())
			}
			last = due
		}
	})
}

func TestALoadWithoutProcessTakesTheOneItIsGiven(t *testing.T) {
	poisson := process(t, "poisson")
	for text, want := range map[string]string{
		"const:1k/s@1s": "const:1k/s@1s poisson", "const:1k/s@1s constant": "const:1k/s@1s constant",
		"replay:x": "replay:x",
	} {
		t.Run(text, func(t *testing.T) {
			if got := load(t, text).Or(poisson); !got.Equal(load(t, want)) || got.String() != want {
				t.Errorf("%q with poisson is %q, want %q", text, got, want)
			}
		})
	}
}

func TestALoadThatIsNotValidSaysAllThatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		load schedule.Load
		want []string
	}{
		"zero load":  {schedule.Load{}, []string{"zero RateCurve", "no arrival process"}},
		"no process": {load(t, "const:1k/s@1s"), []string{"no arrival process"}},
		"invalid rate and duration": {schedule.Load{RateCurve: schedule.Steady(schedule.Rate{}, -1),
			Process: process(t, "poisson")},
			[]string{"rate of 0", "duration is -1ns"}},
		"process and replay": {schedule.Load{RateCurve: rateCurve(t, "const:1/s@1s"), Process: process(t, "poisson"),
			Replay: schedule.ReplaySpec{Path: "no such file"}},
			[]string{"rate curve", "process poisson", "no such file"}},
		"rate zero": {schedule.At(0), []string{"rate of 0 calls per second: want one above 0, up to " +
			"1000000000"}},
		"negative rate": {schedule.At(-5), []string{"rate of -5 calls per second"}},
		"rate too high": {schedule.At(uint64(math.MaxUint64)),
			[]string{"rate of 18446744073709551615 calls per second"}},
		"rate not a number":    {schedule.At(math.NaN()), []string{"rate of NaN calls per second"}},
		"infinite rate":        {schedule.At(math.Inf(1)), []string{"rate of +Inf calls per second"}},
		"rate rounded to zero": {schedule.At(1e-10), []string{"not above zero"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := c.load.Arrivals(1)
			if err == nil || a != nil {
				t.Errorf("%v is taken", c.load)
				return
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v: %v, want %q in it", c.load, err, want)
				}
			}
		})
	}
}

func TestARateIsEvenlySpacedCallsWithoutEnd(t *testing.T) {
	type perSecond float64
	for want, l := range map[string]schedule.Load{
		"const:3M/s constant":               schedule.At(3_000_000),
		"const:1000M/s constant":            schedule.At(uint64(1e9)),
		"const:0.5/s constant":              schedule.At(0.5),
		"const:0.1/s constant":              schedule.At(perSecond(0.1)),
		"const:333.333333333/s constant":    schedule.At(1000.0 / 3),
		"const:123456789.125/s constant":    schedule.At(123456789.125),
		"const:0.000000001/s constant":      schedule.At(1e-9),
		"const:999999999.999999/s constant": schedule.At(999999999.999999),
	} {
		t.Run(want, func(t *testing.T) {
			if l.String() != want && !strings.Contains(want, "999999") {
				t.Errorf("%v, want %v", l, want)
			}
			a, err := l.Arrivals(1)
			if err != nil || a.Duration() != schedule.Endless {
				t.Errorf("%v: %v", want, err)
			}
		})
	}
	a, err := schedule.At(3_000_000).Arrivals(1)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := instants(schedule.First(a, 300_000), 0), instants(constant(t, schedule.PerSecond(3_000_000),
		100*time.Millisecond), 0); !slices.Equal(got, want) {
		t.Errorf("%d instants, want the %d of Constant", len(got), len(want))
	}
}

func TestALoadMakesAsManyCallsAsItSaysAtLeast(t *testing.T) {
	for _, curve := range everyCurve {
		for _, process := range schedule.Processes() {
			l := load(t, curve+" "+process)
			for seed := range uint64(10) {
				a, err := l.Arrivals(seed)
				if err != nil {
					t.Fatal(err)
				}
				if calls := uint64(len(instants(a, 0))); calls < l.Least() || l.Least() < l.RateCurve.Calls()/2 {
					t.Errorf("%v makes %d calls, at least %d of %d", l, calls, l.Least(), l.RateCurve.Calls())
				}
			}
		}
	}
}
