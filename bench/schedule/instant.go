package schedule

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"
	"time"
)

// fields are the instant and the key of a line of JSON. The instant is in the field that is
// named; if none is, in that of the fields for instants which the line has.
func fields(line, named string) (at, key string, err error) {
	var f struct {
		Time, TS, Timestamp, T json.RawMessage
		AtTimestamp            json.RawMessage `json:"@timestamp"`

		Key, Path, Route, URI, Name json.RawMessage
	}
	if err := json.Unmarshal([]byte(line), &f); err != nil {
		return "", "", fmt.Errorf("not a JSON object: %w", err)
	}
	if named != "" {
		at, err = field(line, named)
	} else {
		at, err = only([]string{"time", "ts", "timestamp", "@timestamp", "t"}, f.Time, f.TS, f.Timestamp,
			f.AtTimestamp, f.T)
	}
	if err != nil {
		return "", "", err
	}
	for _, raw := range []json.RawMessage{f.Key, f.Path, f.Route, f.URI, f.Name} {
		if key, err = plain(raw); key != "" || err != nil {
			break
		}
	}
	return at, key, err
}

// field is what a field of a line of JSON holds.
func field(line, name string) (string, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &all); err != nil {
		return "", fmt.Errorf("not a JSON object: %w", err)
	}
	text, err := plain(all[name])
	if err == nil && text == "" {
		err = fmt.Errorf("no field %s: want the instant in it", name)
	}
	return text, err
}

// only is the value that fields have of which all that hold one say the same.
func only(names []string, all ...json.RawMessage) (at string, err error) {
	of := -1
	for i, raw := range all {
		text, err := plain(raw)
		switch {
		case err != nil:
			return "", err
		case text == "":
		case of < 0:
			at, of = text, i
		case !sameInstant(at, text):
			return "", fmt.Errorf("%s is %.40s and %s is %.40s: want one of them, or the right one named, as in "+
				"replay:access.jsonl(time=%s)",
				names[of], at, names[i], text, names[i])
		}
	}
	if of < 0 {
		return "", fmt.Errorf("no instant: want one of time, ts, timestamp, @timestamp or t, or another one named, " +
			"as in replay:access.jsonl(time=when)")
	}
	return at, nil
}

func sameInstant(a, b string) bool {
	x, _, errX := instant(a)
	y, _, errY := instant(b)
	return a == b || errX == nil && errY == nil && x == y
}

// plain is a JSON text or number as it is, and null, or nothing, as "".
func plain(raw json.RawMessage) (text string, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	if raw[0] == '"' {
		err = json.Unmarshal(raw, &text)
		return text, err
	}
	if strings.ContainsRune("{[tf", rune(raw[0])) {
		return "", fmt.Errorf("%.40s is a value of an unexpected kind: want text or a number", raw)
	}
	return string(raw), nil
}

const wantInstant = "a number of seconds, a duration such as 1.5ms, or a date as in RFC 3339"

// instant reads an instant, and tells whether it is a date. It is in ns, rounded down.
func instant(text string) (ns int64, date bool, err error) {
	if decimal.MatchString(text) && len(text) <= 40 {
		ns, err = seconds(text)
		return ns, false, err
	}
	if d, err := time.ParseDuration(text); err == nil {
		return int64(d), false, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, false, fmt.Errorf("%.40q is no instant: want %s", text, wantInstant)
	}
	if ns = t.UnixNano(); !time.Unix(0, ns).Equal(t) {
		return 0, false, fmt.Errorf("%s is too far away: want a year from 1678 to 2261", text)
	}
	return ns, true, nil
}

// decimal keeps exponents that take for ever from package big.
var decimal = regexp.MustCompile(`^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?$`)

// seconds reads a number of seconds, or, if it is too large for that, of
// milliseconds, microseconds or nanoseconds since 1970. Exactly: a float64 of
// today's date is off by 100 ns.
func seconds(text string) (int64, error) {
	x, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is no instant: want %s", text, wantInstant)
	}
	unit := int64(1e9) // ns
	for _, most := range []int64{1e11, 1e14, 1e17} {
		if x.Num().CmpAbs(new(big.Int).Mul(x.Denom(), big.NewInt(most))) < 0 {
			break
		}
		unit /= 1000
	}
	x.Mul(x, new(big.Rat).SetInt64(unit))
	ns := new(big.Int).Div(x.Num(), x.Denom()) // Euclidean: down, as the divisor is above 0
	if !ns.IsInt64() || ns.Int64() == math.MinInt64 {
		return 0, fmt.Errorf("%s is too far away: want an instant within 292 years", text)
	}
	return ns.Int64(), nil
}
