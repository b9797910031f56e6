"""What CCU is compared with: methods of unlearning for classifiers that do not tell modalities apart.

They are no methods of the service: `benchmarks.audiovisual` calls them. Each changes every weight of a model in place.
"""
