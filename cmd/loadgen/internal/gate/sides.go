package gate

// Arms reports whether base and head are arms of one measurement. Otherwise they are versions of one thing, of which
// the head came later, so that what is worse has regressed.
func (r *Report) Arms() bool { return r.arms }
