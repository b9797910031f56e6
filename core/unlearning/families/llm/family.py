"""The `llm` family: any `AutoModelForCausalLM` with its `AutoTokenizer`."""

from __future__ import annotations

from core.unlearning.families.language.family import LanguageFamily
from core.unlearning.families.llm.config import INFO
from core.unlearning.families.llm.load import load


class LlmFamily(LanguageFamily):
    """Language models without pictures."""

    info = INFO
    load = staticmethod(load)


FAMILY = LlmFamily()
