"""Which Lethe this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("lethe")
except PackageNotFoundError:
    VERSION = "0"
