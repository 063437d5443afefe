package usl

// Nearest is New without intervals and judgement: it takes less than a millisecond.
var Nearest = nearest
