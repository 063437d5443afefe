package schedule

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A shape is a kind of profile.
type shape struct {
	name    string
	want    string // an example
	rates   int    // how many; 0 is two or more, with a time after each but the first
	options []string
	// pieces works the options out, and adds them to the part as they are printed.
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

// Shapes are an example of each shape of a profile.
func Shapes() (all []string) {
	for i := range shapes {
		all = append(all, shapes[i].want)
	}
	return all
}

// The bounds of a profile keep what it takes to read one short.
const (
	maxRates  = 1000
	maxPieces = 100_000
	maxSteps  = 1000
)

// A part is one of the profiles that are joined by +.
type part struct {
	*scanner
	shape   *shape
	rates   []Rate
	times   []time.Duration // after each rate; 0 if there is none
	timeAt  []int           // where they stand
	options map[string]option
	said    []string // the options as they are printed
}

// profile reads profiles joined by +, and what follows is left.
func (s *scanner) profile() (RateCurve, error) {
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
				fmt.Sprintf("%d and %d at most", maxRates, maxPieces))
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
			return RateCurve{}, s.wrong(at, "what has no end is followed by another", "a time before it, such as @30s")
		}
	}
	rises := func(p piece) bool { return p.from.Sign() > 0 || p.to.Sign() > 0 }
	if !slices.ContainsFunc(pieces, rises) {
		return RateCurve{}, s.wrong(s.at, "no calls up to here", "a rate above 0")
	}
	return newProfile(strings.Join(texts, " + "), pieces), nil
}

// part reads one profile, which may last for left.
func (s *scanner) part(left time.Duration) (*part, []piece, error) {
	name, at := s.word(":@(+")
	i := slices.IndexFunc(shapes, func(k shape) bool { return k.name == name })
	if i < 0 {
		want := "one of " + strings.Join(Shapes(), ", ")
		if name == "replay" {
			return nil, nil, s.wrong(at, "a replay is a load of its own, and no part of a profile", want)
		}
		return nil, nil, s.wrong(at, fmt.Sprintf("%q is unknown", name), want)
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
		p.times[0] = 0 // there is one text for what has no end
		if p.rates[0].Num == 0 {
			return nil, nil, s.wrong(at, "no calls, and no end", "a rate above 0")
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
				return p.wrong(timeAt, fmt.Sprintf("%q is no time", text), "one above 0, such as 500ms, 30s or 1h30m")
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
		q, why := parseQPS(text)
		if why != "" {
			return p.wrong(r.at, fmt.Sprintf("rate %q: %s", r.text, why), wantQPS)
		}
		p.rates = append(p.rates, q)
	}
	p.options, err = p.scanner.options(p.shape.name, p.shape.want, p.shape.options...)
	return err
}

// check checks that the rates and times are as the shape wants them.
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
			return p.wrong(p.timeAt[i], "longer than 292 years in all", "less")
		}
		left -= d
	}
	above := func(q Rate) bool { return q.Num > 0 }
	if p.shape != constShape && !slices.ContainsFunc(p.rates, above) {
		return p.wrong(p.at, "every rate is 0", "one above 0, or const:0/s@30s between others for a pause")
	}
	return nil
}

// String is the part as it is printed.
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
	if len(p.said) > 0 {
		b.WriteString("(" + strings.Join(p.said, ",") + ")")
	}
	return b.String()
}

// shortDuration leaves out what is 0: 1m, not 1m0s.
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

// lasts is the whole time of a shape that has one.
func (p *part) lasts() time.Duration { return p.times[len(p.times)-1] }

// line goes from each rate to the next.
func (p *part) line() (all []piece, _ error) {
	from := p.rates[0].rat()
	for i, q := range p.rates {
		to := q.rat()
		if p.times[i] > 0 {
			all = append(all, piece{from, to, p.times[i]})
		}
		from = to
	}
	return all, nil
}

func (p *part) steps() (all []piece, _ error) {
	o, ok := p.options["steps"]
	if !ok {
		return nil, p.wrong(p.at, "its steps are missing", p.shape.want)
	}
	lasts := p.lasts()
	n, err := strconv.ParseUint(o.text, 10, 32)
	if err != nil || n < 2 || n > maxSteps || time.Duration(n) > lasts {
		return nil, p.wrong(o.at, fmt.Sprintf("%q is not valid", o.text),
			fmt.Sprintf("2 to %d steps, of 1ns at least", maxSteps))
	}
	p.said = append(p.said, fmt.Sprintf("steps=%d", n))
	for i := range int64(n) {
		rate := between(p.rates, big.NewRat(i, int64(n)-1))
		all = append(all, piece{rate, rate, share(lasts, i+1, int64(n)) - share(lasts, i, int64(n))})
	}
	return all, nil
}

// share is d*i/n, rounded down; i is not above n.
func share(d time.Duration, i, n int64) time.Duration {
	return d/time.Duration(n)*time.Duration(i) + d%time.Duration(n)*time.Duration(i)/time.Duration(n)
}

// between is the rate at a share of the way from the first to the second.
func between(rates []Rate, way *big.Rat) *big.Rat {
	from := rates[0].rat()
	r := new(big.Rat).Sub(rates[1].rat(), from)
	return r.Add(r.Mul(r, way), from)
}

// duration is an option from least to most, or what it is if it is left out.
func (p *part) duration(name string, without, least, most time.Duration) (d time.Duration, err error) {
	d = without
	at := p.at
	if o, ok := p.options[name]; ok {
		if d, err = time.ParseDuration(o.text); err != nil {
			return 0, p.wrong(o.at, fmt.Sprintf("%q is no time", o.text), "one such as 500ms, 30s or 1h30m")
		}
		at = o.at
	}
	if d < least || d > most {
		return 0, p.wrong(at, fmt.Sprintf("its %s is %s", name, shortDuration(d)),
			fmt.Sprintf("%s to %s", shortDuration(least), shortDuration(most)))
	}
	p.said = append(p.said, name+"="+shortDuration(d))
	return d, nil
}

func (p *part) spike() (all []piece, err error) {
	lasts := p.lasts()
	length, err := p.duration("for", max(lasts/10, 1), 1, lasts)
	if err != nil {
		return nil, err
	}
	at, err := p.duration("at", (lasts-length)/2, 0, lasts-length)
	if err != nil {
		return nil, err
	}
	slices.Reverse(p.said) // at first
	base, high := p.rates[0].rat(), p.rates[1].rat()
	for _, piece := range []piece{{base, base, at}, {high, high, length}, {base, base, lasts - at - length}} {
		if piece.lasts > 0 {
			all = append(all, piece)
		}
	}
	return all, nil
}

// chords are how many make a period of a sine. The worst is off by 1-cos(pi/chords)
// of the amplitude.
const chords = 96

func (p *part) sine() (all []piece, err error) {
	lasts := p.lasts()
	least := max(chords, lasts/(maxPieces/chords)+1)
	period, err := p.duration("period", lasts, least, Endless)
	if err != nil {
		return nil, err
	}
	var ends [chords + 1]*big.Rat
	for i := range ends {
		// Rounded, so that it is the same whatever processor works it out.
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
				return append(all, piece{ends[i], cut.Add(cut, ends[i]), left}), nil
			}
			all = append(all, piece{ends[i], ends[i+1], length})
			start += length
		}
	}
}
