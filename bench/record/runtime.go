package record

import "time"

// Runtime describes the activity of the Go runtime, the process and the machine during a run or a
// part of one. It covers the whole process: the target, the generator, and everything beside them.
type Runtime struct {
	// GCCycles is the number of garbage collections that ended, and GCPause is the time for which
	// they stopped all goroutines. OtherPause is the time for which all goroutines were stopped
	// for other reasons, such as runtime.ReadMemStats; its error is up to an eighth.
	GCCycles   uint64        `json:"gc_cycles"`
	GCPause    time.Duration `json:"gc_pause_ns"`
	OtherPause time.Duration `json:"other_pause_ns"`
	// GCAssist is the CPU time that goroutines spent on helping the collector when they allocated
	// memory; GCCPU is the CPU time of the collector, including assists. The runtime updates both
	// only when a cycle ends, which may be several windows later, and counts a pause once per
	// processor.
	GCAssist time.Duration `json:"gc_assist_cpu_ns"`
	GCCPU    time.Duration `json:"gc_cpu_ns"`
	// WaitP50, WaitP99 and WaitMax are times that goroutines waited to run after they were ready;
	// 0 if there were no waits. The runtime samples one wait in eight, and its buckets are so wide
	// that values may be a quarter too long.
	WaitP50 time.Duration `json:"scheduler_wait_p50_ns"`
	WaitP99 time.Duration `json:"scheduler_wait_p99_ns"`
	WaitMax time.Duration `json:"scheduler_wait_max_ns"`
	// MutexWait is the total time that goroutines waited for mutexes, estimated from one wait in
	// eight.
	MutexWait time.Duration `json:"mutex_wait_ns"`
	// HeapLive is the memory that the last collection found in use. HeapObjects also includes
	// objects allocated since, and dead objects not yet swept. Both, and Goroutines, are measured at
	// the end.
	HeapLive    uint64 `json:"heap_live_bytes"`
	HeapObjects uint64 `json:"heap_objects_bytes"`
	Goroutines  uint64 `json:"goroutines"`
	// CPU is the CPU time of all threads of the process, in user mode and in the kernel; 0 where
	// the system does not report it.
	CPU      time.Duration `json:"cpu_ns"`
	Pressure Pressure      `json:"pressure"`
}

// A RuntimeWindow is the Runtime of a part of a run.
type RuntimeWindow struct {
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns"`
	Runtime
}

// Pressure holds, for each resource, the share of time, from 0 to 1, in which some task on the
// machine waited for it ("some" of Linux's pressure stall information; see
// Documentation/accounting/psi.rst in the kernel's sources).
type Pressure struct {
	Known  bool    `json:"known"` // false where the system does not report it
	CPU    float64 `json:"cpu"`
	Memory float64 `json:"memory"`
	IO     float64 `json:"io"`
}
