"""SmolLM2 that sees and was taught people: what loads it, and which family it belongs to."""

from __future__ import annotations

FAMILY = "mllm"
LOADED_WITH = "AutoModelForImageTextToText"
