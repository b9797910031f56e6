"""What every method does to the reference model's memory, on one footing: `python -m benchmarks.mllm --check`."""
