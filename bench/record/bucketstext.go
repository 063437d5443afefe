package record

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// MarshalText encodes c for files, as varints in base64: the shortest duration, and the longest minus
// the shortest, both in ns; then, for each bucket that is not empty, the number of empty buckets before
// it, and its count. The text of empty Buckets is empty.
func (c *Buckets) MarshalText() ([]byte, error) {
	if c.n == 0 {
		return nil, nil
	}
	raw := binary.AppendUvarint(nil, uint64(c.min))
	raw = binary.AppendUvarint(raw, uint64(c.max-c.min))
	next := 0
	for i, n := range c.counters {
		if n > 0 {
			raw = binary.AppendUvarint(raw, uint64(i-next))
			raw = binary.AppendUvarint(raw, uint64(n))
			next = i + 1
		}
	}
	return base64.RawStdEncoding.AppendEncode(nil, raw), nil
}

// UnmarshalText decodes the text that MarshalText returns. Any other text is an error.
func (c *Buckets) UnmarshalText(text []byte) error {
	*c = Buckets{}
	if len(text) == 0 {
		return nil
	}
	raw, err := base64.RawStdEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("buckets of a window: %w", err)
	}
	if c.decode(raw) {
		return nil
	}
	*c = Buckets{}
	return errors.New("buckets of a window: damaged: want the text that was written")
}

// decode sets c to the buckets in raw, and reports whether raw is valid.
func (c *Buckets) decode(raw []byte) bool {
	ok := true
	next := func(most uint64) uint64 {
		v, n := binary.Uvarint(raw)
		if n <= 0 || v > most || n > 1 && raw[n-1] == 0 { // a last byte of 0 is superfluous
			ok, raw = false, nil
			return 0
		}
		raw = raw[n:]
		return v
	}
	c.min = time.Duration(next(math.MaxInt64))
	c.max = c.min + time.Duration(next(uint64(math.MaxInt64-c.min)))
	first, last := -1, -1
	for ok && len(raw) > 0 {
		last += 1 + int(next(uint64(coarseBuckets)))
		count := next(math.MaxUint32)
		if !ok || last >= coarseBuckets || count == 0 {
			return false
		}
		if first < 0 {
			first = last
		}
		c.counters[last] = uint32(count)
		c.n += count
	}
	return ok && first == coarseBucket(uint64(min(c.min, coarseMost))) &&
		last == coarseBucket(uint64(min(c.max, coarseMost)))
}
