"""SMFA on the reference model, through the service: `python -m benchmarks.smfa --check`."""
