"""What the benchmarks share: figures, jobs to move, databases to move them in, and the raw programs beside them."""
