"""A cache of projected picture features, so that the vision tower runs once for each picture."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling

from core.unlearning.families.language.model.encoded import Vision
from core.unlearning.families.language.model.target_modules import language_model_name

MAX_BYTES = 512 * 2**20
"""The most bytes of projected features, in CPU memory; the least recently used are evicted first."""
Features = Tensor | Sequence[Tensor]
"""Of one picture: [tokens, width], or several such tensors (of tiles, for example), as the model returns them."""


class VisionCache:
    """Projected features by the digest of the picture, valid while vision tower and projector stay unchanged."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self._limit, self.nbytes = limit, 0
        self._entries: OrderedDict[str, Features] = OrderedDict()
        self._source: tuple[weakref.ref[nn.Module], tuple[int, ...]] | None = None

    def features(self, model: Any, pictures: Sequence[Vision]) -> BaseModelOutputWithPooling | None:
        """Features of several pictures in the form of the model's own output; None where they may not be cached."""
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        state = frozen_state(base)
        if state is None:
            return None
        source = (weakref.ref(base), state)
        if source != self._source:
            self._entries.clear()
            self.nbytes, self._source = 0, source
        features = [_to(self._of(base, picture), base.device) for picture in pictures]
        return BaseModelOutputWithPooling(pooler_output=_join(features))  # type: ignore[arg-type]  # or several tensors

    def _of(self, base: Any, picture: Vision) -> Features:
        if picture.digest in self._entries:
            self._entries.move_to_end(picture.digest)
            return self._entries[picture.digest]
        made = self._entries[picture.digest] = _to(_features(base, picture), torch.device("cpu"))
        self.nbytes += _nbytes(made)
        while self.nbytes > self._limit:
            _, oldest = self._entries.popitem(last=False)
            self.nbytes -= _nbytes(oldest)
        return made


def frozen_state(base: Any) -> tuple[int, ...] | None:
    """Version counters of the weights before the language model; None where any of them is trainable or patched.

    Also None where the model has no separate language model, or takes no features in place of pictures.
    """
    language = base.get_submodule(language_model_name(base))
    if language in (base, base.base_model) or not hasattr(base.base_model, "get_image_features"):
        return None
    versions = []
    for module in _modules_outside(base.base_model, language):
        if isinstance(module, BaseTunerLayer) or any(map(_may_change, module._forward_hooks.values())):
            return None
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                return None
            versions.append(parameter._version)
    return tuple(versions)


def _modules_outside(module: nn.Module, language: nn.Module) -> Iterator[nn.Module]:
    yield module
    for child in module.children():
        if child is not language:
            yield from _modules_outside(child, language)


def _may_change(hook: Any) -> bool:
    """Whether a forward hook may change the output. The library's own hooks only record."""
    return not str(getattr(hook, "__module__", "")).startswith("transformers.")


@torch.no_grad()
def _features(base: Any, picture: Vision) -> Features:
    inputs = {k: v.to(base.device, base.dtype if v.is_floating_point() else v.dtype) for k, v in picture.items()}
    features: Features = base.base_model.get_image_features(**inputs, return_dict=True).pooler_output
    return features


def _to(features: Features, device: torch.device) -> Features:
    return features.to(device) if isinstance(features, Tensor) else [f.to(device) for f in features]


def _join(parts: Sequence[Features]) -> Features:
    tensors = [part for part in parts if isinstance(part, Tensor)]
    return torch.cat(tensors) if tensors else [tensor for part in parts for tensor in part]


def _nbytes(features: Features) -> int:
    return features.nbytes if isinstance(features, Tensor) else sum(f.nbytes for f in features)
