"""Every method on the reference model's memory, under the same conditions: `python -m benchmarks.mllm --check`."""
