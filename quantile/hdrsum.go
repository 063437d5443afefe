package quantile

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strconv"
)

// sum returns the sum of the durations in h, in nanoseconds.
func (h *HDR) sum() *big.Int {
	b := binary.BigEndian.AppendUint64(nil, h.sumHi)
	return new(big.Int).SetBytes(binary.BigEndian.AppendUint64(b, h.sumLo))
}

// setSum sets the sum, which must have at most 128 bits.
func (h *HDR) setSum(sum *big.Int) {
	var b [16]byte
	sum.FillBytes(b[:])
	h.sumHi, h.sumLo = binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

// sum returns the sum in j. It returns an error if values from Min to Max cannot have this sum, unless
// rounding explains the difference: earlier versions added up in floating point.
func (j *hdrJSON) sum() (*big.Int, error) {
	x, err := strconv.ParseFloat(string(j.Sum), 64)
	if err != nil {
		return nil, fmt.Errorf("sum_ns: %w", err)
	}
	// Each addition may round by half of 2^-52, and each product below once.
	n := float64(j.Count)
	margin := n * 0x1p-52
	if !(x >= n*float64(j.Min)*(1-margin) && x <= n*float64(j.Max)*(1+margin)) {
		return nil, fmt.Errorf("sum_ns: %d values from %v to %v cannot add up to %v ns", j.Count, j.Min, j.Max, x)
	}
	sum, whole := new(big.Int).SetString(string(j.Sum), 10)
	if !whole { // such as 1e+21, as earlier versions wrote it
		sum, _ = big.NewFloat(x).Int(nil)
	}
	least, most := times(j.Count, int64(j.Min)), times(j.Count, int64(j.Max))
	switch {
	case sum.Cmp(least) < 0:
		return least, nil
	case sum.Cmp(most) > 0:
		return most, nil
	}
	return sum, nil
}

func times(n uint64, d int64) *big.Int {
	return new(big.Int).Mul(new(big.Int).SetUint64(n), big.NewInt(d))
}
