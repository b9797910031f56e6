"""The `mllm` family: any `AutoModelForImageTextToText` with its `AutoProcessor`."""

from __future__ import annotations

from core.unlearning.families.language.family import LanguageFamily
from core.unlearning.families.mllm.config import INFO
from core.unlearning.families.mllm.load import load


class MllmFamily(LanguageFamily):
    """Multimodal language models."""

    info = INFO
    load = staticmethod(load)


FAMILY = MllmFamily()
