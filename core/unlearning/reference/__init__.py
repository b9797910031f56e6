"""Small trained models of synthetic worlds, for demonstrations, tests and benchmarks. Importing this loads no torch."""

from core.unlearning.reference.catalog import (
    FAMILIES,
    build,
    bundled,
    bundled_path,
    loaded_with,
    oracle_paths,
    sample,
    standard_requests,
    subjects,
)

__all__ = [
    "FAMILIES",
    "build",
    "bundled",
    "bundled_path",
    "loaded_with",
    "oracle_paths",
    "sample",
    "standard_requests",
    "subjects",
]
