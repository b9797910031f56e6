"""Prompts that concern no subject: ordinary ones, and such that make a model name people."""

from __future__ import annotations

from core.unlearning.families.language.data.bundled.tables import table
from core.unlearning.types import Part


def general_prompts(part: Part) -> list[str]:
    """Ordinary prompts in eleven languages, none about a person; the three parts share none and none alike."""
    return list(table("general_prompts.toml")[part])


def naming_prompts() -> list[str]:
    """Prompts whose answers name people of the model's own choice."""
    return list(table("naming_prompts.toml")["prompts"])
