package quantiletest

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// This file contains the rules of encodings. They do not apply to estimators without one.

// A codec is an estimator that can be encoded and decoded.
type codec interface {
	quantile.Estimator
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

func checkRoundTrip(claims Claims, fresh func() quantile.Estimator) error {
	if _, ok := fresh().(codec); !ok {
		return nil
	}
	return errors.Join(decodesAlike(claims, fresh, nil), each(func(s sample) error {
		return decodesAlike(claims, fresh, s.data)
	}))
}

// decodesAlike encodes and decodes an estimator of data, and compares the two.
func decodesAlike(claims Claims, fresh func() quantile.Estimator, data []time.Duration) error {
	e := fill(fresh(), data).(codec)
	// The receiver of UnmarshalBinary may hold values, which are replaced.
	decoded := fill(fresh(), []time.Duration{time.Hour}).(codec)
	text, err := e.MarshalBinary()
	if err != nil {
		return fmt.Errorf("with %d values: MarshalBinary: %w", len(data), err)
	}
	kept := bytes.Clone(text)
	if err := decoded.UnmarshalBinary(text); err != nil {
		return fmt.Errorf("with %d values: UnmarshalBinary: %w", len(data), err)
	}
	if !bytes.Equal(kept, text) {
		return errors.New("UnmarshalBinary changed its argument")
	}
	clear(text) // it belongs to the caller, so the decoded estimator must not use it
	if before, after := answers(e), answers(decoded); !slices.Equal(before, after) {
		return fmt.Errorf("with %d values: the estimates were %v, and are %v after decoding", len(data), before, after)
	}
	if before, after := tallyOf(e), tallyOf(decoded); before != after {
		return fmt.Errorf("with %d values: count, minimum and maximum were %v, and are %v after decoding",
			len(data), before, after)
	}
	more := Lognormal(n / 2)
	if err := decoded.Merge(fill(fresh(), more)); err != nil {
		return fmt.Errorf("merging into the decoded estimator: %w", err)
	}
	both := append(slices.Clone(data), more...)
	return claims.judge(decoded, both)
}

func checkDamaged(_ Claims, fresh func() quantile.Estimator) error {
	for _, data := range [][]time.Duration{nil, {50_001}, bimodal(500)} {
		e, ok := fill(fresh(), data).(codec)
		if !ok {
			return nil
		}
		text, err := e.MarshalBinary()
		if err != nil {
			return fmt.Errorf("with %d values: MarshalBinary: %w", len(data), err)
		}
		if err := errors.Join(refuses(fresh, text), survives(fresh, text)); err != nil {
			return fmt.Errorf("with %d values: %w", len(data), err)
		}
	}
	return nil
}

// step returns the distance between the bytes of an encoding that are damaged. There are about 256 of them.
// The distance is odd, so that every byte of a number is damaged in some place.
func step(text []byte) int { return len(text)/256 | 1 }

// refuses checks that data that cannot be an encoding is an error: truncated encodings, an encoding with an
// additional byte, and meaningless bytes.
func refuses(fresh func() quantile.Estimator, text []byte) error {
	wrong := map[string][]byte{"with an additional byte": append(slices.Clone(text), 0)}
	for end := 0; end < len(text); end += step(text) {
		wrong[fmt.Sprintf("truncated to %d of its %d bytes", end, len(text))] = text[:end:end]
	}
	r, noise := rand.New(rand.NewPCG(1, 2)), make([]byte, len(text)+16)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	wrong["random"] = noise
	wrong["of zeros only"] = make([]byte, len(noise))
	wrong["of ones only"] = bytes.Repeat([]byte{0xff}, len(noise))
	for what, bad := range wrong {
		if fresh().(codec).UnmarshalBinary(bad) == nil {
			return fmt.Errorf("an encoding %s is no error", what)
		}
	}
	return nil
}

// survives checks that an encoding with a changed byte is an error, or an estimator that works. It need not be
// an error, since some changes make another valid encoding.
func survives(fresh func() quantile.Estimator, text []byte) error {
	for i := 0; i < len(text); i += step(text) {
		for _, other := range []byte{text[i] ^ 0xff, text[i] ^ 0x80, text[i] + 1, text[i] - 1} {
			bad := slices.Clone(text)
			bad[i] = other
			if err := works(fresh, bad); err != nil {
				return fmt.Errorf("byte %d is %#x instead of %#x: %w", i, other, text[i], err)
			}
		}
	}
	return nil
}

// works decodes bad and uses the estimator, if there is one. Its estimates may be anything.
func works(fresh func() quantile.Estimator, bad []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	e := fresh().(codec)
	if e.UnmarshalBinary(bad) != nil {
		return nil
	}
	answers(e)
	e.Add(time.Millisecond)
	answers(e)
	if _, err := e.MarshalBinary(); err != nil {
		return fmt.Errorf("it can be decoded, but not encoded again: %w", err)
	}
	return nil
}
