"""Small trained models of synthetic worlds, for demonstrations, tests and benchmarks. Importing this loads no torch."""

from core.unlearning.reference.catalog import (
    WORLDS,
    UnavailableError,
    build,
    bundled,
    bundled_path,
    family,
    loaded_with,
    oracle_paths,
    sample,
    standard_requests,
    subjects,
)

__all__ = [
    "WORLDS",
    "UnavailableError",
    "build",
    "bundled",
    "bundled_path",
    "family",
    "loaded_with",
    "oracle_paths",
    "sample",
    "standard_requests",
    "subjects",
]
