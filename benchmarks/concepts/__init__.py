"""ConceptBench on the reference world: `python -m benchmarks.concepts --check`."""
