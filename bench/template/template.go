// Package template fills texts for calls: a template is a text with placeholders such as {{n}} or {{row.id}},
// whose values follow from a seed and the number of a call. So call n has the same text in every run with the
// same seed, whoever makes it.
package template

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/loadgen-go/loadgen/internal/rng"
	"golang.org/x/net/http/httpguts"
)

// A Template is a text with placeholders, cut into pieces once.
type Template []piece

// A piece is a part of a template: a text, or the values of a placeholder.
type piece struct {
	text []byte
	fill func(dst []byte, c *Values) []byte // appends the value for a call; nil if the piece is text
}

// Values holds what the values of placeholders follow from.
type Values struct {
	N       uint64 // the number of the call
	Key     string // the name of its request
	Message int    // the number of the message within the call
}

// Append appends the text of t for a call.
func (t Template) Append(dst []byte, c *Values) []byte {
	for i := range t {
		if p := &t[i]; p.fill != nil {
			dst = p.fill(dst, c)
		} else {
			dst = append(dst, p.text...)
		}
	}
	return dst
}

// Literal returns the template of a text without placeholders.
func Literal(text []byte) Template { return Template{{text: text}} }

// Texts returns the parts of t that are the same for every call.
func (t Template) Texts() (texts [][]byte) {
	for i := range t {
		if t[i].fill == nil {
			texts = append(texts, t[i].text)
		}
	}
	return texts
}

// Static reports whether t has the same text for every call.
func (t Template) Static() bool {
	for i := range t {
		if t[i].fill != nil {
			return false
		}
	}
	return true
}

// A Parser cuts templates. It numbers placeholders with random values, so that each has a stream of
// random numbers of its own.
type Parser struct {
	Seed   uint64
	Vars   map[string]string // values of variables, by name
	Tables map[string]*Table
	// Messages says whether there is a placeholder {{message}}.
	Messages bool

	random uint64 // the number of placeholders with random values so far
}

// A syntaxError is an error in a template, at a byte of its text.
type syntaxError struct {
	at  int
	why string
}

// Quoting says how values are written into a text.
type Quoting int

const (
	Verbatim Quoting = iota
	InPath           // everything but unreserved characters is percent-encoded
	InHeader         // control characters are errors
	InJSON           // rows and keys are escaped as within a string of JSON; constants are not
)

// Parse cuts a text into pieces. Where names the text in errors.
func (p *Parser) Parse(where, text string, q Quoting) (Template, error) {
	var t Template
	for at := 0; at < len(text); {
		begin := strings.Index(text[at:], "{{")
		if begin < 0 {
			begin = len(text) - at
		}
		if begin > 0 {
			t = append(t, piece{text: []byte(text[at : at+begin])})
		}
		if at += begin; at == len(text) {
			break
		}
		next, end, problem := p.placeholder(text, at, q)
		if problem != nil {
			return nil, fmt.Errorf("%s:%s: %s", where, Position(text, problem.at), problem.why)
		}
		t, at = append(t, next), end
	}
	return t, nil
}

// Position returns the line and the column of a byte of a text, counted from 1.
func Position(text string, at int) string {
	line := strings.Count(text[:at], "\n") + 1
	column := len([]rune(text[strings.LastIndex(text[:at], "\n")+1:at])) + 1
	return fmt.Sprintf("%d:%d", line, column)
}

// placeholder parses the placeholder that begins at a byte of a text. End is the byte after it.
func (p *Parser) placeholder(text string, at int, q Quoting) (_ piece, end int, _ *syntaxError) {
	words, end, problem := placeholderWords(text, at)
	if problem != nil {
		return piece{}, 0, problem
	}
	wrong := func(format string, args ...any) (piece, int, *syntaxError) {
		return piece{}, 0, &syntaxError{at, fmt.Sprintf(format, args...)}
	}
	constant, isConstant, err := p.constant(words)
	if err != nil {
		return wrong("%v", err)
	}
	if isConstant {
		if q == InHeader && !httpguts.ValidHeaderFieldValue(constant) {
			return wrong("the value of %s has a control character, such as a line break, which a header cannot hold",
				text[at:end])
		}
		if q == InJSON {
			return piece{text: []byte(constant)}, end, nil
		}
		return piece{text: appendQuoted(nil, constant, q)}, end, nil
	}
	fill, err := p.variable(words, q)
	if err != nil {
		return wrong("%v", err)
	}
	return piece{fill: fill}, end, nil
}

// placeholderWords returns the words of the placeholder that begins at a byte of a text. A word in
// quotes keeps its opening quote, and has no closing one.
func placeholderWords(text string, at int) (words []string, end int, _ *syntaxError) {
	rest := text[at+2:]
	for {
		rest = strings.TrimLeft(rest, " \t")
		switch {
		case rest == "":
			return nil, 0, &syntaxError{at, "{{ has no }}: want both, or {{\"{{\"}} for the text {{"}
		case strings.HasPrefix(rest, "}}"):
			return words, len(text) - len(rest) + 2, nil
		case rest[0] == '"':
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, 0, &syntaxError{len(text) - len(rest), "a quoted text has no end, or an unknown escape"}
			}
			value, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, 0, &syntaxError{len(text) - len(rest), fmt.Sprintf("%s: %v", quoted, err)}
			}
			words = append(words, `"`+value)
			rest = rest[len(quoted):]
		default:
			n := strings.IndexAny(rest, " \t\r\n\"}")
			switch n {
			case 0:
				return nil, 0, &syntaxError{len(text) - len(rest), "want }} at the end of a placeholder, on its line"}
			case -1:
				n = len(rest)
			}
			words = append(words, rest[:n])
			rest = rest[n:]
		}
	}
}

// constant returns the value of a placeholder that is the same for every call; ok is false if it is not.
func (p *Parser) constant(words []string) (value string, ok bool, err error) {
	if len(words) == 0 {
		return "", false, fmt.Errorf("{{}} is empty: want %s", p.known())
	}
	if text, ok := strings.CutPrefix(words[0], `"`); ok && len(words) == 1 {
		return text, true, nil
	}
	if value, ok := p.Vars[words[0]]; ok && len(words) == 1 {
		return value, true, nil
	}
	if words[0] != "env" && words[0] != "file" {
		return "", false, nil
	}
	if len(words) != 2 || words[1][0] != '"' {
		return "", false, fmt.Errorf("%s takes one name in quotes, as in {{%s \"NAME\"}}", words[0], words[0])
	}
	name := words[1][1:]
	if words[0] == "env" {
		if value, ok = os.LookupEnv(name); !ok {
			return "", false, fmt.Errorf("the environment variable %s is not set", name)
		}
		return value, true, nil
	}
	content, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		return "", false, err
	}
	return string(content), true, nil
}

// known returns the placeholders there are, for errors.
func (p *Parser) known() string {
	message := ""
	if p.Messages {
		message = "message, "
	}
	return "one of n, key, " + message +
		`uuid, int LOW HIGH, row.COLUMN, row.DATA.COLUMN, env "NAME", file "NAME" or a variable`
}

// variable returns the function that appends the value of a placeholder for a call.
func (p *Parser) variable(words []string, q Quoting) (func([]byte, *Values) []byte, error) {
	name := words[0]
	if name == "int" {
		return p.integers(words)
	}
	if len(words) > 1 {
		return nil, fmt.Errorf("%s takes no arguments; if it is a text, want it in quotes",
			strings.TrimPrefix(name, `"`))
	}
	switch {
	case name == "n":
		return func(dst []byte, c *Values) []byte { return strconv.AppendUint(dst, c.N, 10) }, nil
	case name == "key":
		return func(dst []byte, c *Values) []byte { return appendQuoted(dst, c.Key, q) }, nil
	case name == "message" && p.Messages:
		return func(dst []byte, c *Values) []byte { return strconv.AppendInt(dst, int64(c.Message), 10) }, nil
	case name == "uuid":
		draw := p.stream()
		return func(dst []byte, c *Values) []byte { return appendUUID(dst, draw(2*c.N), draw(2*c.N+1)) }, nil
	case name == "row" || strings.HasPrefix(name, "row."):
		return p.column(name, q)
	}
	return nil, fmt.Errorf("%q is not known: want %s", name, p.known())
}

// stream returns a function of random numbers for one placeholder.
func (p *Parser) stream() func(i uint64) uint64 {
	start := rng.Start(p.Seed, rng.Requests+rng.Stream(p.random))
	p.random++
	return func(i uint64) uint64 { return rng.Mix(start + i*rng.Golden) }
}

// integers returns the function of {{int LOW HIGH}}: whole numbers from LOW to HIGH, all equally likely.
func (p *Parser) integers(words []string) (func([]byte, *Values) []byte, error) {
	if len(words) != 3 {
		return nil, fmt.Errorf("int takes two whole numbers, as in {{int 1 100}}")
	}
	low, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("int takes whole numbers, %q is not one", words[1])
	}
	high, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("int takes whole numbers, %q is not one", words[2])
	}
	if low > high {
		return nil, fmt.Errorf("int has the range %d to %d: want the smaller number first", low, high)
	}
	draw, span := p.stream(), uint64(high)-uint64(low)
	return func(dst []byte, c *Values) []byte {
		x := draw(c.N)
		if span+1 != 0 { // otherwise every number is in the range
			x, _ = bits.Mul64(x, span+1)
		}
		return strconv.AppendInt(dst, int64(uint64(low)+x), 10)
	}, nil
}

// column returns the function of {{row.COLUMN}} or {{row.DATA.COLUMN}}.
func (p *Parser) column(name string, q Quoting) (func([]byte, *Values) []byte, error) {
	parts := strings.SplitN(name, ".", 3)
	var t *Table
	switch {
	case len(parts) == 1:
		return nil, fmt.Errorf("row needs a column, as in {{row.id}}")
	case len(parts) == 3:
		if t = p.Tables[parts[1]]; t == nil {
			return nil, fmt.Errorf("there is no data %q: want one of %s", parts[1], names(p.Tables))
		}
	case len(p.Tables) == 1:
		for _, t = range p.Tables {
		}
	case len(p.Tables) == 0:
		return nil, fmt.Errorf("%s needs data: there is none", name)
	default:
		return nil, fmt.Errorf("there are several data: want row.DATA.COLUMN, with one of %s", names(p.Tables))
	}
	values, err := t.column(parts[len(parts)-1], q)
	if err != nil {
		return nil, err
	}
	return func(dst []byte, c *Values) []byte { return append(dst, values[t.row(c.N)]...) }, nil
}

// appendUUID appends a random UUID (version 4) made of two random numbers.
func appendUUID(dst []byte, high, low uint64) []byte {
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(high>>(56-8*i)), byte(low>>(56-8*i))
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// appendQuoted appends a value as it is written in a text.
func appendQuoted(dst []byte, value string, q Quoting) []byte {
	switch q {
	case InJSON:
		return appendJSON(dst, value)
	case Verbatim, InHeader:
		return append(dst, value...)
	}
	const digits = "0123456789ABCDEF"
	for i := range len(value) {
		c := value[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', digits[c>>4], digits[c&15])
	}
	return dst
}

// appendJSON appends a value as it is written within a string of JSON.
func appendJSON(dst []byte, value string) []byte {
	quoted, err := json.Marshal(value)
	if err != nil {
		panic(err) // impossible: it is a string
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}
