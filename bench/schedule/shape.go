package schedule

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A shape is a kind of rate curve, such as ramp.
type shape struct {
	name    string
	want    string // an example
	rates   int    // the number of rates; 0 is two or more, with a time after each but the first
	options []string
	// pieces returns the pieces of a part, and adds the values of its options to part.printed.
	pieces func(p *part) ([]piece, error)
}

var shapes = []shape{
	{"const", "const:5k/s@30s", 1, nil, (*part).line},
	{"ramp", "ramp:1k..20k/s@1m", 2, nil, (*part).line},
	{"step", "step:1k..5k/s@1m(steps=5)", 2, []string{"steps"}, (*part).steps},
	{"spike", "spike:1k..20k/s@1m(at=30s,for=5s)", 2, []string{"at", "for"}, (*part).spike},
	{"sine", "sine:1k..5k/s@1m(period=20s)", 2, []string{"period"}, (*part).sine},
	{"stages", "stages:0..1k@10s..5k@30s..0/s@10s", 0, nil, (*part).line},
}

var constShape = &shapes[0]

// Shapes returns an example of each shape that [ParseRateCurve] accepts.
func Shapes() (examples []string) {
	for i := range shapes {
		examples = append(examples, shapes[i].want)
	}
	return examples
}

// These limits bound the time and memory that parsing takes.
const (
	maxRates  = 1000
	maxPieces = 100_000
	maxSteps  = 1000
)

// A part is one of the curves that + joins.
type part struct {
	*scanner
	shape   *shape
	rates   []Rate
	times   []time.Duration // the time after each rate; 0 if there is none
	timeAt  []int           // the offset of each time in the text
	options map[string]option
	printed []string // the options as String prints them
}

// rateCurve reads parts joined by +. Any text after them stays unread.
func (s *scanner) rateCurve() (RateCurve, error) {
	var texts []string
	var pieces []piece
	rates, duration := 0, time.Duration(0)
	for {
		p, more, err := s.part(Endless - duration)
		if err != nil {
			return RateCurve{}, err
		}
		texts, pieces, rates = append(texts, p.String()), append(pieces, more...), rates+len(p.rates)
		if rates > maxRates || len(pieces) > maxPieces {
			return RateCurve{}, s.wrong(s.at, fmt.Sprintf("%d rates and %d pieces up to here", rates, len(pieces)),
				fmt.Sprintf("at most %d and %d", maxRates, maxPieces))
		}
		for _, piece := range more {
			duration += piece.lasts
		}
		s.rest()
		at := s.at
		if !s.skip("+") {
			break
		}
		if duration == Endless {
			return RateCurve{}, s.wrong(at, "another curve after an endless one", "a time before it, such as @30s")
		}
	}
	rises := func(p piece) bool { return p.from.Sign() > 0 || p.to.Sign() > 0 }
	if !slices.ContainsFunc(pieces, rises) {
		return RateCurve{}, s.wrong(s.at, "no calls up to here", "a rate above 0")
	}
	return newRateCurve(strings.Join(texts, " + "), pieces), nil
}

// part reads one part, which may last for at most the time left.
func (s *scanner) part(left time.Duration) (*part, []piece, error) {
	name, at := s.word(":@(+")
	i := slices.IndexFunc(shapes, func(k shape) bool { return k.name == name })
	if i < 0 {
		want := "one of " + strings.Join(Shapes(), ", ")
		if name == "replay" {
			return nil, nil, s.wrong(at, "a replay is a load of its own and cannot be part of a rate curve", want)
		}
		meant := spelling.Meant(name, spelling.Names(Shapes()))
		return nil, nil, s.wrong(at, fmt.Sprintf("%q is unknown%s", name, meant), want)
	}
	p := &part{scanner: s, shape: &shapes[i]}
	if !s.skip(":") {
		return nil, nil, s.wrong(s.at, "no colon after "+name, p.shape.want)
	}
	if err := p.read(); err != nil {
		return nil, nil, err
	}
	if err := p.check(left); err != nil {
		return nil, nil, err
	}
	if p.shape == constShape && (p.times[0] == 0 || p.times[0] == left) {
		p.times[0] = 0 // an endless curve is always printed without its time
		if p.rates[0].Num == 0 {
			return nil, nil, s.wrong(at, "endless, but without calls", "a rate above 0")
		}
		return p, []piece{{p.rates[0].rat(), p.rates[0].rat(), left}}, nil
	}
	pieces, err := p.shape.pieces(p)
	return p, pieces, err
}

// read reads the rates, their times and the options.
func (p *part) read() (err error) {
	const stops = "@(),+"
	var rates []option
	for {
		text, at := p.word(stops)
		rates = append(rates, option{text, at})
		d, timeAt := time.Duration(0), p.at
		if p.skip("@") {
			text, timeAt = p.word(stops)
			if d, err = time.ParseDuration(text); err != nil || d <= 0 {
				return p.wrong(timeAt, fmt.Sprintf("%q is not a valid time", text), wantTime)
			}
		}
		p.times, p.timeAt = append(p.times, d), append(p.timeAt, timeAt)
		if !p.skip("..") {
			break
		}
	}
	_, unit := cutUnit(rates[len(rates)-1].text)
	for _, r := range rates {
		text := r.text
		if _, own := cutUnit(text); own == "" {
			text += unit
		}
		q, why := parseRate(text)
		if why != "" {
			return p.wrong(r.at, fmt.Sprintf("rate %q: %s", r.text, why), wantRate)
		}
		p.rates = append(p.rates, q)
	}
	p.options, err = p.scanner.options(p.shape.name, p.shape.want, p.shape.options...)
	return err
}

// check reports whether the shape allows the number of rates and the times.
func (p *part) check(left time.Duration) error {
	if n := len(p.rates); n != p.shape.rates && (p.shape.rates > 0 || n < 2) {
		return p.wrong(p.at, fmt.Sprintf("rates: %d", n), p.shape.want)
	}
	for i, d := range p.times {
		last := i == len(p.times)-1
		switch {
		case d == 0 && !(p.shape == constShape || i == 0 || p.shape.rates > 0 && !last):
			return p.wrong(p.timeAt[i], "no time after the rate", p.shape.want)
		case d > 0 && (p.shape.rates == 0 && i == 0 || p.shape.rates > 0 && !last):
			return p.wrong(p.timeAt[i]-1, "a time after the first rate", p.shape.want)
		case d > left:
			return p.wrong(p.timeAt[i], "longer than 292 years in total", "less")
		}
		left -= d
	}
	above := func(q Rate) bool { return q.Num > 0 }
	if p.shape != constShape && !slices.ContainsFunc(p.rates, above) {
		return p.wrong(p.at, "every rate is 0", "one above 0, or const:0/s@30s between other curves for a pause")
	}
	return nil
}

// String returns the part in its canonical form.
func (p *part) String() string {
	var b strings.Builder
	b.WriteString(p.shape.name)
	for i, q := range p.rates {
		b.WriteString([]string{":", ".."}[min(i, 1)] + q.short())
		if i == len(p.rates)-1 {
			b.WriteString("/s")
		}
		if p.times[i] > 0 {
			b.WriteString("@" + shortDuration(p.times[i]))
		}
	}
	if len(p.printed) > 0 {
		b.WriteString("(" + strings.Join(p.printed, ",") + ")")
	}
	return b.String()
}

// shortDuration returns the duration without trailing zero units: 1m rather than 1m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// lasts returns the whole time of a part that has only one time.
func (p *part) lasts() time.Duration { return p.times[len(p.times)-1] }

// line returns pieces that go linearly from each rate to the next.
func (p *part) line() (pieces []piece, _ error) {
	from := p.rates[0].rat()
	for i, q := range p.rates {
		to := q.rat()
		if p.times[i] > 0 {
			pieces = append(pieces, piece{from, to, p.times[i]})
		}
		from = to
	}
	return pieces, nil
}

func (p *part) steps() (pieces []piece, _ error) {
	o, ok := p.options["steps"]
	if !ok {
		return nil, p.wrong(p.at, "steps is missing", p.shape.want)
	}
	lasts := p.lasts()
	n, err := strconv.ParseUint(o.text, 10, 32)
	if err != nil || n < 2 || n > maxSteps || time.Duration(n) > lasts {
		return nil, p.wrong(o.at, fmt.Sprintf("%q is not valid", o.text),
			fmt.Sprintf("2 to %d steps, of at least 1ns each", maxSteps))
	}
	p.printed = append(p.printed, fmt.Sprintf("steps=%d", n))
	for i := range int64(n) {
		rate := between(p.rates, big.NewRat(i, int64(n)-1))
		pieces = append(pieces, piece{rate, rate, share(lasts, i+1, int64(n)) - share(lasts, i, int64(n))})
	}
	return pieces, nil
}

// share returns d*i/n, rounded down. I must not be above n.
func share(d time.Duration, i, n int64) time.Duration {
	return d/time.Duration(n)*time.Duration(i) + d%time.Duration(n)*time.Duration(i)/time.Duration(n)
}

// between returns the rate at a share of the way from the first rate to the second.
func between(rates []Rate, way *big.Rat) *big.Rat {
	from := rates[0].rat()
	r := new(big.Rat).Sub(rates[1].rat(), from)
	return r.Add(r.Mul(r, way), from)
}

// duration returns the value of an option, or its default if the option is omitted. The value
// must be from least to most.
func (p *part) duration(name string, byDefault, least, most time.Duration) (d time.Duration, err error) {
	d = byDefault
	at := p.at
	if o, ok := p.options[name]; ok {
		if d, err = time.ParseDuration(o.text); err != nil {
			return 0, p.wrong(o.at, fmt.Sprintf("%q is not a valid time", o.text), "one such as 500ms, 30s or 1h30m")
		}
		at = o.at
	}
	if d < least || d > most {
		return 0, p.wrong(at, fmt.Sprintf("%s is %s", name, shortDuration(d)),
			fmt.Sprintf("%s to %s", shortDuration(least), shortDuration(most)))
	}
	p.printed = append(p.printed, name+"="+shortDuration(d))
	return d, nil
}

func (p *part) spike() (pieces []piece, err error) {
	lasts := p.lasts()
	length, err := p.duration("for", max(lasts/10, 1), 1, lasts)
	if err != nil {
		return nil, err
	}
	at, err := p.duration("at", (lasts-length)/2, 0, lasts-length)
	if err != nil {
		return nil, err
	}
	slices.Reverse(p.printed) // print at before for
	base, high := p.rates[0].rat(), p.rates[1].rat()
	for _, piece := range []piece{{base, base, at}, {high, high, length}, {base, base, lasts - at - length}} {
		if piece.lasts > 0 {
			pieces = append(pieces, piece)
		}
	}
	return pieces, nil
}

// chords is the number of chords per period of a sine. The largest error is 1-cos(pi/chords) of
// the amplitude.
const chords = 96

func (p *part) sine() (pieces []piece, err error) {
	lasts := p.lasts()
	least := max(chords, lasts/(maxPieces/chords)+1)
	period, err := p.duration("period", lasts, least, Endless)
	if err != nil {
		return nil, err
	}
	var ends [chords + 1]*big.Rat
	for i := range ends {
		// Rounded, so that the result does not depend on the processor.
		way := (1 - math.Cos(2*math.Pi*float64(i)/chords)) / 2
		ends[i] = between(p.rates, big.NewRat(int64(math.Round(way*(1<<20))), 1<<20))
	}
	for start := time.Duration(0); ; {
		for i := range int64(chords) {
			length := share(period, i+1, chords) - share(period, i, chords)
			left := lasts - start
			if left <= length {
				cut := new(big.Rat).Sub(ends[i+1], ends[i])
				cut.Mul(cut, big.NewRat(int64(left), int64(length)))
				return append(pieces, piece{ends[i], cut.Add(cut, ends[i]), left}), nil
			}
			pieces = append(pieces, piece{ends[i], ends[i+1], length})
			start += length
		}
	}
}
