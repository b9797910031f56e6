"""The tiny models of both families of language models, and requests to them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import transformers
from PIL import Image

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.registry import families, load_family
from core.unlearning.types import Entity, ForgetRequest, ModelSpec, Retain
from tests.support import tiny_language_models, tiny_multimodal_models

_MODELS = {"mllm": tiny_multimodal_models, "llm": tiny_language_models}
FAMILIES = tuple(_MODELS)
EVERY = [(family, name) for family, models in _MODELS.items() for name in models.ARCHITECTURES]
"""Families with their architectures."""
SIMPLE = {"mllm": "llava", "llm": "llama"}
WIDE = {"mllm": "llava_wide", "llm": "llama_wide"}
"""By family, the architecture whose widths are whole blocks of a 4-bit format."""
_SHOWN = (("red", (40, 30)), ("green", (28, 56)), ("blue", (60, 28)), ("orange", (28, 28)))


def save(family: str, name: str, folder: Path) -> ModelSpec:
    """Save a randomly initialised model of that architecture."""
    return ModelSpec("tiny", family, str(_MODELS[family].save(name, folder)))


def load(spec: ModelSpec, precision: str = "auto") -> LanguageModel:
    """As a job does, for short answers."""
    lm: LanguageModel = load_family(spec.family).load(spec, precision=precision)
    lm.max_new_tokens = 4
    return lm


def stock(spec: ModelSpec) -> Any:
    """As a user of transformers alone loads it."""
    auto_class = getattr(transformers, families()[spec.family].presentation.model_class)
    return auto_class.from_pretrained(spec.source)


def a_request(family: str, prompts: Sequence[str]) -> ForgetRequest:
    """About somebody by name, and in pictures where the family sees any; somebody else is to be kept."""
    info = families()[family]
    images = tuple(png(*shown) for shown in _SHOWN) if info.uses_pictures else ()
    retain = Retain(entities=("Bo Li",))
    return ForgetRequest(
        Entity("Ada Okoro"), tuple(prompts), images, modalities=info.forgets, retain=retain, level="quick"
    )


def png(colour: str, size: tuple[int, int]) -> bytes:
    """A picture of one colour."""
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG")
    return data.getvalue()
