"""The version of Lethe. pyproject.toml reads it from here, and so does everything that states it."""

VERSION = "0.1.0"
