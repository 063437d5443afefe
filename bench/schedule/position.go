package schedule

// A position is the place of a call in unit time, in which one call is due per unit on
// average: whole + part/2^63 units from the start. It is a fixed-point number, so that sums
// of gaps are exact and do not depend on where the summing began.
type position struct{ whole, part uint64 } // part < 2^63

const onePart = 1 << 63 // parts of a unit

// before reports whether u is before v.
func (u position) before(v position) bool {
	return u.whole < v.whole || u.whole == v.whole && u.part < v.part
}

// calls returns the number of whole positions before u.
func (u position) calls() uint64 {
	if u.part > 0 {
		return u.whole + 1
	}
	return u.whole
}

// plus returns u + x, rounded down. X is at least 0 and below 2^62.
func (u position) plus(x float64) position {
	whole := int64(x)
	part := u.part + uint64(int64(float64(x-float64(whole))*onePart))
	return position{u.whole + uint64(whole) + part>>63, part & (onePart - 1)}
}

// minus returns u - v as a float64: with a relative error of 2^-53, or an absolute error of
// 2^-52 if the difference is below 1.
func (u position) minus(v position) float64 {
	return float64(u.whole-v.whole) + float64(float64(int64(u.part)-int64(v.part))/onePart)
}
