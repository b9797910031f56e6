"""Baselines for CCU: unlearning methods for classifiers that do not distinguish modalities.

The service does not offer them; `benchmarks.audiovisual` runs them. Each changes all weights of a model in place.
"""
