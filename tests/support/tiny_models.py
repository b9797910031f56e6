"""The tiny models of both families of language models, and requests to them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import transformers
from PIL import Image

from core.unlearning.families.language.data import build, facts, known
from core.unlearning.families.language.data.facts import Contrast, Known
from core.unlearning.families.language.limits import BY_LEVEL, Limits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.registry import families, load_family
from core.unlearning.types import Entity, Example, ForgetRequest, ModelSpec, Retain
from tests.support import tiny_language_models, tiny_multimodal_models

_MODELS = {"mllm": tiny_multimodal_models, "llm": tiny_language_models}
FAMILIES = tuple(_MODELS)
EVERY = [(family, name) for family, models in _MODELS.items() for name in models.ARCHITECTURES]
"""Families with their architectures."""
SIMPLE = {"mllm": "llava", "llm": "llama"}
WIDE = {"mllm": "llava_wide", "llm": "llama_wide"}
"""By family, the architecture whose widths are whole blocks of a 4-bit format."""
SHORT = 4
"""Tokens of an answer: random weights never end one."""
_SHOWN = (("red", (40, 30)), ("green", (28, 56)), ("blue", (60, 28)), ("orange", (28, 28)))


def save(family: str, name: str, folder: Path) -> ModelSpec:
    """Save a randomly initialised model of that architecture."""
    return ModelSpec("tiny", family, str(_MODELS[family].save(name, folder)))


def load(spec: ModelSpec, precision: str = "auto") -> LanguageModel:
    """As a job does, for short answers."""
    lm: LanguageModel = load_family(spec.family).load(spec, precision=precision)
    lm.max_new_tokens = SHORT
    return lm


FEW = Limits(forget=32, keep=24, validation=12, test=16)
"""Rows of a job on a model that has nothing to learn."""


@contextmanager
def taken_as_known() -> Iterator[None]:
    """Models of random weights know nobody; inside, all that they say of a subject counts as known.

    What Lethe brings of public figures and general knowledge is left out: they have nothing to say on it, at length.
    A job's own answers are short too, and few: there is nothing to learn.
    """

    def all_of_it(_: LanguageModel, examples: Sequence[Example], __: Contrast) -> list[Known]:
        return [Known((example.answer,), 0.0, 1.0) for example in examples]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "stands_out", lambda *_: True)
        patch.setattr(facts, "facts_of", all_of_it)
        patch.setattr(build, "_brought", lambda *_: {})
        patch.setitem(BY_LEVEL, "quick", FEW)
        for kind in {type(load_family(name)) for name in FAMILIES}:
            patch.setattr(kind, "load", staticmethod(partial(_load_brief, kind.load)))
        yield


def _load_brief(load_whole: Callable[..., LanguageModel], spec: ModelSpec, **options: Any) -> LanguageModel:
    lm = load_whole(spec, **options)
    lm.max_new_tokens = SHORT
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
