"""How much a job is to measure."""

from __future__ import annotations

from typing import Literal

Level = Literal["quick", "standard", "thorough"]
