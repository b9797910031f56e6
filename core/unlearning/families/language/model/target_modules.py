"""Which linear layers an adapter targets, found from the model's structure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from core.unlearning.errors import InvalidInputError

_USUAL = re.compile(
    r"(^|_)(q|k|v|o|qkv|query_key_value|out|gate|up|down|gate_up|c_attn|c_proj|c_fc|fc1|fc2|dense\w*|w[123])(_proj)?$"
)
_MLP = re.compile(r"(^|\.)(\w*mlp|ffn|feed_forward|fc\d?)(\.|$)")
_EARLY_SHARE = 0.75
_NOT_LANGUAGE = ("vision", "visual", "image", "audio", "projector", "connector", "merger", "lm_head", "embed")


def language_model_name(model: Any) -> str:
    """Path of the module that holds the token embedding: the text decoder."""
    embedding = model.get_input_embeddings()
    path: str = next(name for name, module in model.named_modules() if module is embedding)
    return path.rpartition(".")[0]


def is_in_language_model(name: str, prefix: str) -> bool:
    """Whether a module or parameter of that name is part of the text decoder, whose path is `prefix`.

    Vision towers that some models keep inside it are not.
    """
    inside = not prefix or name.startswith(f"{prefix}.")
    return inside and not any(part in name[len(prefix) :] for part in _NOT_LANGUAGE)


def default_targets(model: Any) -> str:
    """A regular expression (full match) over the language model's attention and MLP linears.

    The vision tower, the projector and the output head are left out. Raises `InvalidInputError` where a model has none.
    """
    prefix = language_model_name(model)
    leaves = {name.rpartition(".")[2] for name in _linears(model, prefix)}
    usual = {leaf for leaf in leaves if _USUAL.search(leaf)}
    if not leaves:
        raise InvalidInputError("the model has no linear layers to adapt in its language model", code="no_targets")
    names = "|".join(sorted(re.escape(leaf) for leaf in usual or leaves))
    return (
        rf"{re.escape(prefix)}\.(?!.*(?:{'|'.join(_NOT_LANGUAGE)})).*\b(?:{names})" if prefix else rf".*\.(?:{names})"
    )


def early_mlp_targets(model: Any) -> str:
    """A regular expression over the MLP linears in the first three quarters of the language model's layers.

    There transformers retrieve facts about a named subject (Meng et al., 2022, arXiv 2202.05262, section 2).
    All of `default_targets` where a model has no numbered layers with an MLP of linears.
    """
    prefix, every = language_model_name(model), default_targets(model)
    layers: dict[int, set[str]] = {}
    for name in match_modules(model, every):
        numbered = re.match(rf"({re.escape(prefix)}\.[a-z_.]+\.)(\d+)\.(.+)", name)
        if numbered and _MLP.search(numbered[3]):
            layers.setdefault(int(numbered[2]), set()).add(re.escape(numbered[1]) + "{}" + re.escape(numbered[3]))
    early = sorted(layers)[: math.ceil(_EARLY_SHARE * len(layers))]
    return _alternatives(early, layers) if early else every


def decoder_layers(model: Any) -> list[str]:
    """Paths of the language model's layers, first to last. Raises `InvalidInputError` where they are not numbered."""
    numbered = re.compile(rf"{re.escape(language_model_name(model))}\.[a-z_]+\.(\d+)")
    found = {int(match[1]): name for name, _ in model.named_modules() if (match := numbered.fullmatch(name))}
    if not found:
        raise InvalidInputError("the language model has no numbered layers", code="no_targets")
    return [found[number] for number in sorted(found)]


def mlp_outputs(model: Any, layers: Sequence[str]) -> list[str]:
    """Paths of the linears by which the MLPs of these layers write into the residual stream.

    Raises `InvalidInputError` where a layer has none.
    """
    width = model.config.get_text_config().hidden_size
    every = [n for n in match_modules(model, default_targets(model)) if model.get_submodule(n).out_features == width]
    found = [n for layer in layers for n in every if n.startswith(f"{layer}.") and _MLP.search(n[len(layer) :])]
    if len(found) < len(layers):
        raise InvalidInputError("the language model's layers have no MLP of linears", code="no_targets")
    return found


def pattern_of(names: Sequence[str]) -> str:
    """The pattern that selects exactly these modules of numbered layers."""
    layers: dict[tuple[str, str], list[str]] = {}
    for name in names:
        before, number, after = re.split(r"\.(\d+)\.", name, maxsplit=1)
        layers.setdefault((before, after), []).append(number)
    return "|".join(rf"{re.escape(b)}\.(?:{'|'.join(at)})\.{re.escape(a)}" for (b, a), at in layers.items())


def _alternatives(early: Sequence[int], layers: Mapping[int, set[str]]) -> str:
    """One pattern for the linears of several layers, which need not hold the same modules."""
    where: dict[str, list[int]] = {}
    for layer in early:
        for path in layers[layer]:
            where.setdefault(path, []).append(layer)
    return "|".join(path.format(rf"(?:{'|'.join(map(str, at))})\.") for path, at in sorted(where.items()))


def _linears(model: nn.Module, prefix: str) -> list[str]:
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and is_in_language_model(name, prefix)
    ]


def match_modules(model: nn.Module, pattern: str) -> list[str]:
    """Paths of the linear layers that a pattern selects. Raises `InvalidInputError` for a bad or empty pattern."""
    try:
        found = [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and re.fullmatch(pattern, n)]
    except re.error as error:
        raise InvalidInputError(f"target_modules is not a regular expression: {error}", code="invalid_option") from None
    if not found:
        raise InvalidInputError("target_modules selects no linear layer of this model", code="invalid_option")
    return found
