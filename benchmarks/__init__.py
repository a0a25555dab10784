"""What `make bench` runs: our start and verify beside the same two as most tutorials write them.

`python -m benchmarks` measures what `make build` has built, on this machine alone, and prints one
table. docs/performance.md says how each figure is got.
"""

from pathlib import Path

HERE = Path(__file__).resolve().parent
