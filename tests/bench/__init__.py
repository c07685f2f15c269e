"""The benchmarks behind `make bench`: ratios measured in one process, interleaved."""
