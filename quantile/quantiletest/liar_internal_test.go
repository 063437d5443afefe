package quantiletest

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A liar is an exact estimator, except for the fields that are set.
type liar struct {
	quantile.Exact
	add    func(l *liar, d time.Duration)
	answer func(l *liar, q float64) time.Duration
	merge  func(l *liar, other quantile.Estimator) error
	asked  bool  // Quantile was called
	light  bool  // StateBytes is 0
	twin   *liar // gets all added values, too
	merged bool
	merges int
	// tells returns the count and the extremes. decode decodes an encoding.
	tells  func(l *liar) (n uint64, min, max time.Duration)
	decode func(l *liar, text []byte) error
}

func (l *liar) Add(d time.Duration) {
	if l.add != nil {
		l.add(l, d)
		return
	}
	l.Exact.Add(d)
	if l.twin != nil {
		l.twin.Add(d)
	}
}

func (l *liar) Quantile(q float64) time.Duration {
	l.asked = true
	if l.answer != nil {
		return l.answer(l, q)
	}
	return l.Exact.Quantile(q)
}

func (l *liar) Merge(other quantile.Estimator) error {
	if l.merge != nil {
		return l.merge(l, other)
	}
	return l.mergeTruly(other)
}

func (l *liar) StateBytes() int {
	if l.light {
		return 0
	}
	return l.Exact.StateBytes()
}

func (l *liar) mergeTruly(other quantile.Estimator) error {
	o, ok := other.(*liar)
	if !ok || o == nil || o == l {
		return quantile.ErrMerge
	}
	l.merged = true
	return l.Exact.Merge(&o.Exact)
}

func (l *liar) counters() (n uint64, min, max time.Duration) {
	if l.tells != nil {
		return l.tells(l)
	}
	return l.Exact.Count(), l.Exact.Quantile(0), l.Exact.Quantile(1)
}

func (l *liar) Count() uint64 {
	n, _, _ := l.counters()
	return n
}

func (l *liar) Min() time.Duration {
	_, least, _ := l.counters()
	return least
}

func (l *liar) Max() time.Duration {
	_, _, most := l.counters()
	return most
}

// An encoding is a letter, and 8 bytes for the number of values and for each value.
func (l *liar) MarshalBinary() ([]byte, error) {
	text := binary.BigEndian.AppendUint64([]byte{'L'}, l.Exact.Count())
	for _, d := range l.Exact.Sorted() {
		text = binary.BigEndian.AppendUint64(text, uint64(d))
	}
	return text, nil
}

func (l *liar) UnmarshalBinary(text []byte) error {
	if l.decode != nil {
		return l.decode(l, text)
	}
	return l.decodeTruly(text)
}

var errDamaged = errors.New("damaged")

func (l *liar) decodeTruly(text []byte) error {
	if len(text) < 9 || text[0] != 'L' || len(text)%8 != 1 ||
		binary.BigEndian.Uint64(text[1:]) != uint64(len(text)-9)/8 {
		return errDamaged
	}
	l.read(text[9:])
	return nil
}

// read replaces the values by those of an encoding, and ignores an incomplete one.
func (l *liar) read(values []byte) {
	l.Exact = quantile.Exact{}
	for ; len(values) >= 8; values = values[8:] {
		l.Exact.Add(time.Duration(binary.BigEndian.Uint64(values)))
	}
}

// telling returns a liar whose count and extremes are the result of f for the true ones.
func telling(f func(l *liar, n uint64, min, max time.Duration) (uint64, time.Duration, time.Duration)) liar {
	return liar{tells: func(l *liar) (uint64, time.Duration, time.Duration) {
		return f(l, l.Exact.Count(), l.Exact.Quantile(0), l.Exact.Quantile(1))
	}}
}

// decoding returns a liar that decodes correctly and then calls f with the error.
func decoding(f func(l *liar, text []byte, err error) error) liar {
	return liar{decode: func(l *liar, text []byte) error { return f(l, text, l.decodeTruly(text)) }}
}

// answering returns a liar whose estimates are the result of f for the exact ones.
func answering(f func(q float64, exact time.Duration) time.Duration) liar {
	return liar{answer: func(l *liar, q float64) time.Duration { return f(q, l.Exact.Quantile(q)) }}
}

// wrongAt returns a liar whose estimate for one quantile exceeds the exact value by more.
func wrongAt(wrong float64, more time.Duration) liar {
	return answering(func(q float64, exact time.Duration) time.Duration {
		if q == wrong {
			exact += more
		}
		return exact
	})
}

// merging returns a liar that merges correctly and then calls f.
func merging(f func(l, other *liar)) liar {
	return liar{merge: func(l *liar, other quantile.Estimator) error {
		if err := l.mergeTruly(other); err != nil {
			return err
		}
		f(l, other.(*liar))
		return nil
	}}
}

// taking returns a liar whose Merge returns no error for the others that these accepts.
func taking(these func(l *liar, other quantile.Estimator) bool) liar {
	return liar{merge: func(l *liar, other quantile.Estimator) error {
		if these(l, other) {
			return nil
		}
		return l.mergeTruly(other)
	}}
}

var sink *int64
