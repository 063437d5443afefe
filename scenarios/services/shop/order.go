package shop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Limits of an order.
const (
	mostCustomer = 64 // characters
	mostLines    = 50
	mostQuantity = 100
)

// orderExample is an order in error texts.
const orderExample = `{"customer": "ada", "lines": [{"item": 17, "quantity": 2}]}`

// readOrder reads the order in the body of a request, and checks it.
func readOrder(w *work) error {
	o, err := decodeOrder(w.request.Body)
	if err != nil {
		return err
	}
	w.order = o
	return nil
}

// decodeOrder reads an order. The error says everything that is wrong with it.
func decodeOrder(body io.Reader) (*order, error) {
	var given struct {
		Customer string `json:"customer"`
		Lines    []struct {
			Item     int `json:"item"`
			Quantity int `json:"quantity"`
		} `json:"lines"`
	}
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return nil, wrongBody(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if tooLarge(err) {
			return nil, wrongBody(err)
		}
		return nil, problem(http.StatusBadRequest, "the body goes on after byte %d: want one order, such as %s",
			d.InputOffset(), orderExample)
	}
	o := &order{Customer: given.Customer}
	for _, l := range given.Lines {
		o.Lines = append(o.Lines, line{Item: l.Item, Quantity: l.Quantity})
	}
	return o, o.check()
}

// wrongBody returns what is wrong with a body that cannot be decoded, and where.
func wrongBody(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	const bad = http.StatusBadRequest
	switch {
	case tooLarge(err):
		return problem(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", mostBody)
	case errors.Is(err, io.EOF):
		return problem(bad, "the body is empty: want an order, such as %s", orderExample)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return problem(bad, "the body ends in the middle: want an order, such as %s", orderExample)
	case errors.As(err, &syntax):
		return problem(bad, "the body is no JSON at byte %d: %v", syntax.Offset, syntax)
	case errors.As(err, &kind):
		return problem(bad, "%s is a JSON %s at byte %d: want an order, such as %s", fieldName(kind.Field), kind.Value,
			kind.Offset, orderExample)
	}
	return problem(bad, "%s: want an order, such as %s", strings.TrimPrefix(err.Error(), "json: "), orderExample)
}

// fieldName returns a field of the body, or the body if there is none.
func fieldName(field string) string {
	if field == "" {
		return "the body"
	}
	return field
}

// tooLarge reports whether a body was longer than it may be.
func tooLarge(err error) bool {
	var large *http.MaxBytesError
	return errors.As(err, &large)
}

// check returns everything that is wrong with an order.
func (o *order) check() error {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if n := utf8.RuneCountInString(o.Customer); n < 1 || n > mostCustomer {
		add("customer has %d characters: want 1 to %d", n, mostCustomer)
	}
	if n := len(o.Lines); n < 1 || n > mostLines {
		add("lines has %d lines: want 1 to %d", n, mostLines)
	} else {
		for i, l := range o.Lines {
			if l.Item < 1 || l.Item > itemCount {
				add("lines[%d].item is %d: want 1 to %d", i, l.Item, itemCount)
			}
			if l.Quantity < 1 || l.Quantity > mostQuantity {
				add("lines[%d].quantity is %d: want 1 to %d", i, l.Quantity, mostQuantity)
			}
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return problem(http.StatusBadRequest, "%s", strings.Join(wrong, "; "))
}
