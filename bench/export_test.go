package bench

// ProcessCPU gives the benchmarks access to processCPU.
var ProcessCPU = processCPU
