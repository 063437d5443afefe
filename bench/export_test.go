package bench

// ProcessCPU is for benchmarks of the packages that use this one.
var ProcessCPU = processCPU
