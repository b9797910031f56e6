"""How much a job measures. By itself, so that the command line starts without pydantic."""

from __future__ import annotations

from typing import Literal

Level = Literal["quick", "standard", "thorough"]
