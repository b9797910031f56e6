"""SmolLM2-135M-Instruct as it was published: what loads it, and which family it belongs to."""

from __future__ import annotations

FAMILY = "llm"
LOADED_WITH = "AutoModelForCausalLM"
