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

// This file holds the rules of an estimator's encoding, which those without one keep.

// A codec is an estimator that can be written and read.
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

// decodesAlike encodes an estimator of data and decodes it.
func decodesAlike(claims Claims, fresh func() quantile.Estimator, data []time.Duration) error {
	e := fill(fresh(), data).(codec)
	// What the decoder is called on may hold something: it is replaced.
	decoded := fill(fresh(), []time.Duration{time.Hour}).(codec)
	text, err := e.MarshalBinary()
	if err != nil {
		return fmt.Errorf("of %d values: MarshalBinary: %w", len(data), err)
	}
	kept := bytes.Clone(text)
	if err := decoded.UnmarshalBinary(text); err != nil {
		return fmt.Errorf("of %d values: UnmarshalBinary: %w", len(data), err)
	}
	if !bytes.Equal(kept, text) {
		return errors.New("UnmarshalBinary changed the bytes that it was given")
	}
	clear(text) // it is the caller's: what was decoded may not lie in it
	if was, is := answers(e), answers(decoded); !slices.Equal(was, is) {
		return fmt.Errorf("of %d values: answers were %v, are %v", len(data), was, is)
	}
	if was, is := told(e), told(decoded); was != is {
		return fmt.Errorf("of %d values: count, minimum and maximum were %v, are %v", len(data), was, is)
	}
	more := Lognormal(n / 2)
	if err := decoded.Merge(fill(fresh(), more)); err != nil {
		return fmt.Errorf("merging into what was decoded: %w", err)
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
			return fmt.Errorf("of %d values: MarshalBinary: %w", len(data), err)
		}
		if err := errors.Join(refuses(fresh, text), survives(fresh, text)); err != nil {
			return fmt.Errorf("of %d values: %w", len(data), err)
		}
	}
	return nil
}

// step is from one place of an encoding that is damaged to the next: about 256 of
// them, and odd, so that every byte of a number has its turn.
func step(text []byte) int { return len(text)/256 | 1 }

// refuses checks what cannot be an encoding: parts of one, one with a byte more, and
// bytes that mean nothing.
func refuses(fresh func() quantile.Estimator, text []byte) error {
	wrong := map[string][]byte{"with a byte more": append(slices.Clone(text), 0)}
	for end := 0; end < len(text); end += step(text) {
		wrong[fmt.Sprintf("cut to %d of its %d bytes", end, len(text))] = text[:end:end]
	}
	r, noise := rand.New(rand.NewPCG(1, 2)), make([]byte, len(text)+16)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	wrong["random"] = noise
	wrong["of zeros alone"] = make([]byte, len(noise))
	wrong["of ones alone"] = bytes.Repeat([]byte{0xff}, len(noise))
	for what, bad := range wrong {
		if fresh().(codec).UnmarshalBinary(bad) == nil {
			return fmt.Errorf("an encoding %s is no error", what)
		}
	}
	return nil
}

// survives checks that with any byte another, it is an error or an estimator that
// still works: not every change can be told from another encoding.
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

// works decodes bad and uses what comes of it, if anything. What it answers may be
// anything.
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
		return fmt.Errorf("it is decoded, and cannot be encoded: %w", err)
	}
	return nil
}
