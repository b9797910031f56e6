"""Ten requests one after another: `python -m benchmarks.sequence --check`."""
