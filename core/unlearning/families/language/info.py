"""What two families of language models say of themselves alike. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.unlearning.families.info import FamilyInfo
from core.unlearning.families.language import limits, question_bank
from core.unlearning.families.language.measures import measures
from core.unlearning.families.language.presentation import presentation
from core.unlearning.families.language.retain_purposes import retain_set_info
from core.unlearning.hardware.requirements import layer_activations
from core.unlearning.types import RequestSummary

_TEXT_TOKENS, _IMAGE_TOKENS = 128, 1024
"""A question with its answer; a picture, where the configuration does not say."""


def language_family(name: str, *, pictures: bool, model_class: str) -> FamilyInfo:
    """The entry of a family whose models see pictures, or not. `model_class`: transformers' class that loads them."""
    measured = measures(pictures=pictures)
    return FamilyInfo(
        name=name,
        measures=measured,
        presentation=presentation(model_class, pictures=pictures),
        forgets=("image", "text") if pictures else ("text",),
        count_examples=_count_examples,
        activations=_activations_with_pictures if pictures else _activations_of_text,
        retain_set=retain_set_info(measured.splits),
        tokens=_tokens_with_pictures if pictures else _tokens_of_text,
        uses_pictures=pictures,
        is_asked=True,
    )


def _count_examples(request: RequestSummary) -> int:
    """At most this many: questions of the bank that the model cannot answer about the subject are left out."""
    limit = limits.BY_LEVEL[request.level].forget
    pictured = request.n_images * (request.n_prompts + len(question_bank.about_picture(request.kind)))
    named = request.n_names * (request.n_prompts + len(question_bank.about_name(request.kind, "")))
    return min(limit, pictured) + min(limit, named)


def _activations_with_pictures(config: Mapping[str, Any], options: Mapping[str, Any]) -> float:
    """Of one row: larger micro-batches are halved when memory runs out."""
    return _activations_of_text(config, options, _image_tokens(config))


def _activations_of_text(config: Mapping[str, Any], options: Mapping[str, Any], more: int = 0) -> float:  # noqa: ARG001 (as in every family)
    text = config.get("text_config") or config
    return layer_activations(
        _TEXT_TOKENS + more, int(text.get("hidden_size") or 0), int(text.get("num_hidden_layers") or 0)
    )


def _tokens_with_pictures(config: Mapping[str, Any]) -> float:
    """Half the rows have a picture."""
    return _TEXT_TOKENS + _image_tokens(config) / 2


def _tokens_of_text(config: Mapping[str, Any]) -> float:  # noqa: ARG001 (as with pictures)
    return _TEXT_TOKENS


def _image_tokens(config: Mapping[str, Any]) -> int:
    return int(config.get("image_seq_length") or _IMAGE_TOKENS)
