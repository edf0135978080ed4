"""Figures of the project: `python -m benchmarks` prints a table and writes JSON. No test depends on them."""
