"""What SMFA does on the reference model, through the real service: `python -m benchmarks.smfa --check`."""
