// Package jsonfile says where in a file of JSON an error is.
package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Place returns path with the line of data that an error of package encoding/json is about, or path alone if the error
// has no place.
func Place(path string, data []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(data)) {
		return path
	}
	return fmt.Sprintf("%s:%d", path, 1+bytes.Count(data[:offset], []byte("\n")))
}
