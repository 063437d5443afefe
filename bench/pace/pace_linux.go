package pace

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// kernelSleeps reports whether kernelSleeper is more precise than the runtime's timers.
const kernelSleeps = true

// A kernelSleeper sleeps with clock_nanosleep, which is precise to about a microsecond. The
// runtime's timers are precise to a millisecond (golang/go#53824).
type kernelSleeper struct {
	Clock
	offset time.Duration // CLOCK_MONOTONIC at the start of the run
	spent  time.Duration // CPU time of sleeping
}

func newKernelSleeper(c Clock) kernelSleeper {
	// Read the kernel's clock between two reads of ours, so that the error of the offset is at
	// most the time between them. Repeat that, and keep the offset with the smallest error.
	best, offset := time.Duration(1<<62), time.Duration(0)
	for range 10 {
		before := c.Now()
		kernel := clock(unix.CLOCK_MONOTONIC)
		after := c.Now()
		if after-before < best {
			best, offset = after-before, kernel-(before+after)/2
		}
	}
	return kernelSleeper{Clock: c, offset: offset}
}

// clock returns the time of a clock of the kernel.
func clock(id int32) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		return 0 // every Linux has these clocks
	}
	return time.Duration(ts.Nano())
}

// sleep returns at until, or a little later.
func (k *kernelSleeper) sleep(until time.Duration) time.Duration {
	// Timer slack and CPU time belong to a thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := clock(unix.CLOCK_THREAD_CPUTIME_ID)
	// By default the kernel may wake a thread 50 us late to save power. If this call fails,
	// calls begin that much later, and the lag shows it.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	ts := unix.NsecToTimespec(int64(until + k.offset))
	now := k.Now()
	for now < until {
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil); err != nil &&
			err != unix.EINTR {
			break // the caller waits for the rest
		}
		now = k.Now()
	}
	k.spent += clock(unix.CLOCK_THREAD_CPUTIME_ID) - began
	return now
}
