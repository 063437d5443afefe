package record

import "time"

// Runtime is what the Go runtime, the process and the machine did during a run,
// or a part of one. What it says is of the whole process: the target, the
// generator, and what runs beside them.
type Runtime struct {
	// GCCycles are the collections that ended, and GCPause for how long they kept
	// all goroutines stopped. OtherPause is for how long these were stopped for
	// other reasons, such as runtime.ReadMemStats; it may be wrong by an eighth.
	GCCycles   uint64        `json:"gc_cycles"`
	GCPause    time.Duration `json:"gc_pause_ns"`
	OtherPause time.Duration `json:"other_pause_ns"`
	// GCAssist is the CPU time that goroutines spent on collecting before they were
	// given memory, and GCCPU that of the collector in all, assists included. The
	// runtime adds to them only when a cycle ends, which may be windows after it was
	// spent, and counts a pause for every processor.
	GCAssist time.Duration `json:"gc_assist_cpu_ns"`
	GCCPU    time.Duration `json:"gc_cpu_ns"`
	// For so long goroutines that were ready waited to run: of one wait in eight,
	// which is what the runtime takes note of, and up to a quarter too long, which
	// is how wide its buckets are. They are 0 if there were none.
	WaitP50 time.Duration `json:"scheduler_wait_p50_ns"`
	WaitP99 time.Duration `json:"scheduler_wait_p99_ns"`
	WaitMax time.Duration `json:"scheduler_wait_max_ns"`
	// MutexWait is for how long goroutines waited for mutexes, all together, as
	// estimated from one wait in eight.
	MutexWait time.Duration `json:"mutex_wait_ns"`
	// At the end: HeapLive is what the last collection found in use, HeapObjects
	// that and what has been allocated since, or was not yet swept.
	HeapLive    uint64 `json:"heap_live_bytes"`
	HeapObjects uint64 `json:"heap_objects_bytes"`
	Goroutines  uint64 `json:"goroutines"`
	// CPU is the CPU time of the process, of all its threads, in user mode and in
	// the kernel; 0 where the system does not tell.
	CPU      time.Duration `json:"cpu_ns"`
	Pressure Pressure      `json:"pressure"`
}

// A RuntimeWindow is the Runtime of a part of a run.
type RuntimeWindow struct {
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns"`
	Runtime
}

// Pressure is the share of time in which something on the machine, this process
// or another, waited for a resource: from 0 to 1 ("some" of Linux's pressure stall
// information, see Documentation/accounting/psi.rst of the kernel).
type Pressure struct {
	Known  bool    `json:"known"` // false where the system does not tell
	CPU    float64 `json:"cpu"`
	Memory float64 `json:"memory"`
	IO     float64 `json:"io"`
}
