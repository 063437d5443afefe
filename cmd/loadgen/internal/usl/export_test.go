package usl

// Nearest is like New, but without intervals and judgement. It takes less than a millisecond.
var Nearest = nearest
