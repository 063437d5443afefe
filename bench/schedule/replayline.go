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

// fields returns the instant and the key of a line of JSON. The instant is in the named field, or,
// if named is empty, in one of the usual fields.
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
		at, err = agreed([]string{"time", "ts", "timestamp", "@timestamp", "t"}, f.Time, f.TS, f.Timestamp,
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

// field returns the value of a field of a line of JSON.
func field(line, name string) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		return "", fmt.Errorf("not a JSON object: %w", err)
	}
	text, err := plain(fields[name])
	if err == nil && text == "" {
		err = fmt.Errorf("no field %s: want the instant in it", name)
	}
	return text, err
}

// agreed returns the value of the fields that are not empty. It is an error if they are different
// instants, or if all fields are empty.
func agreed(names []string, values ...json.RawMessage) (instant string, err error) {
	first := -1 // the index of the first field that is not empty
	for i, raw := range values {
		text, err := plain(raw)
		switch {
		case err != nil:
			return "", err
		case text == "":
		case first < 0:
			instant, first = text, i
		case !sameInstant(instant, text):
			return "", fmt.Errorf("%s is %.40s and %s is %.40s: want only one of them, or the name of the right one, "+
				"as in replay:access.jsonl(time=%s)", names[first], instant, names[i], text, names[i])
		}
	}
	if first < 0 {
		return "", fmt.Errorf("no instant: want one in time, ts, timestamp, @timestamp or t, or the name of another " +
			"field, as in replay:access.jsonl(time=when)")
	}
	return instant, nil
}

// sameInstant reports whether two texts are the same instant.
func sameInstant(a, b string) bool {
	x, _, errX := instant(a)
	y, _, errY := instant(b)
	return a == b || errX == nil && errY == nil && x == y
}

// plain returns the text of a JSON string or number, and "" for null or an absent field.
func plain(raw json.RawMessage) (text string, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	if raw[0] == '"' {
		err = json.Unmarshal(raw, &text)
		return text, err
	}
	if strings.ContainsRune("{[tf", rune(raw[0])) {
		return "", fmt.Errorf("%.40s is neither text nor a number: want one of these", raw)
	}
	return string(raw), nil
}

const wantInstant = "a number of seconds, a duration such as 1.5ms, or a date as in RFC 3339"

// instant parses an instant, in ns rounded down, and reports whether it is a date.
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
		return 0, false, fmt.Errorf("%.40q is not an instant: want %s", text, wantInstant)
	}
	if ns = t.UnixNano(); !time.Unix(0, ns).Equal(t) {
		return 0, false, fmt.Errorf("%s is too far away: want a year from 1678 to 2261", text)
	}
	return ns, true, nil
}

// decimal rejects exponents so large that package big would not finish.
var decimal = regexp.MustCompile(`^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?$`)

// seconds parses a number of seconds; or, if it is too large for that, of milliseconds,
// microseconds or nanoseconds since 1970. It returns ns and is exact: today's date as a float64
// of seconds is off by 100 ns.
func seconds(text string) (int64, error) {
	x, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is not an instant: want %s", text, wantInstant)
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
