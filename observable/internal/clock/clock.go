// Package clock is the monotonic clock that handlers and their spans are timed by: one
// reading of it serves both, and costs half of what time.Now does, which reads the
// clock on the wall, too.
package clock

import "time"

var epoch = time.Now()

// Now is the time since the process began, about.
func Now() time.Duration { return time.Since(epoch) }

// Of is what Now was at t, a reading of time.Now.
func Of(t time.Time) time.Duration { return t.Sub(epoch) }

// Time is when Now was d. It has not followed corrections of the clock on the wall.
func Time(d time.Duration) time.Time { return epoch.Add(d) }
