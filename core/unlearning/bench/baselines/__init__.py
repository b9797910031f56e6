"""Methods that are only compared with: no request can name them. Each folder is laid out like a method's."""

from __future__ import annotations

from core.unlearning.methods.registry import catalogue


def package_of(method: str) -> str:
    """The package of a method or of a baseline, by its public name."""
    parent = "core.unlearning.methods" if method in catalogue() else __name__
    return f"{parent}.{method.replace('-', '_')}"
