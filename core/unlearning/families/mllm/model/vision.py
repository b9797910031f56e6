"""What the language model is shown of pictures, kept so that the vision tower runs once for each of them."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling

from core.unlearning.families.mllm.model.encoded import Vision
from core.unlearning.families.mllm.model.target_modules import language_model_name

BYTES = 512 * 2**20
"""Of projected features that are kept, in the machine's memory; what was not used for longest goes first."""
Features = Tensor | Sequence[Tensor]
"""Of one picture: rows of tokens, or several such (tiles, say), as the model's own code hands them on."""


class VisionCache:
    """Projected features by the picture's content, as long as nothing changes what makes them."""

    def __init__(self, limit: int = BYTES) -> None:
        self._limit, self.nbytes = limit, 0
        self._kept: OrderedDict[str, Features] = OrderedDict()
        self._made_by: tuple[weakref.ref[nn.Module], tuple[int, ...]] | None = None

    def features(self, model: Any, pictures: Sequence[Vision]) -> BaseModelOutputWithPooling | None:
        """Of several pictures, as the model takes them for its own; None where they may not be kept."""
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        state = frozen_state(base)
        if state is None:
            return None
        made_by = (weakref.ref(base), state)
        if made_by != self._made_by:
            self._kept.clear()
            self.nbytes, self._made_by = 0, made_by
        found = [_to(self._of(base, picture), base.device) for picture in pictures]
        return BaseModelOutputWithPooling(pooler_output=_joined(found))  # type: ignore[arg-type]  # or several tensors

    def _of(self, base: Any, picture: Vision) -> Features:
        if picture.digest in self._kept:
            self._kept.move_to_end(picture.digest)
            return self._kept[picture.digest]
        made = self._kept[picture.digest] = _to(_features(base, picture), torch.device("cpu"))
        self.nbytes += _nbytes(made)
        while self.nbytes > self._limit:
            _, oldest = self._kept.popitem(last=False)
            self.nbytes -= _nbytes(oldest)
        return made


def frozen_state(base: Any) -> tuple[int, ...] | None:
    """How often each weight before the language model was written to; None where something there learns or is patched.

    Also None where the model has no language model apart, or cannot be given features in place of pictures.
    """
    language = base.get_submodule(language_model_name(base))
    if language in (base, base.base_model) or not hasattr(base.base_model, "get_image_features"):
        return None
    versions = []
    for module in _outside(base.base_model, language):
        if isinstance(module, BaseTunerLayer) or any(map(_changes, module._forward_hooks.values())):
            return None
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                return None
            versions.append(parameter._version)
    return tuple(versions)


def _outside(module: nn.Module, language: nn.Module) -> Iterator[nn.Module]:
    yield module
    for child in module.children():
        if child is not language:
            yield from _outside(child, language)


def _changes(hook: Any) -> bool:
    """Whether a hook may put out something else. The library's own only take notes."""
    return not str(getattr(hook, "__module__", "")).startswith("transformers.")


@torch.no_grad()
def _features(base: Any, picture: Vision) -> Features:
    inputs = {k: v.to(base.device, base.dtype if v.is_floating_point() else v.dtype) for k, v in picture.items()}
    found: Features = base.base_model.get_image_features(**inputs, return_dict=True).pooler_output
    return found


def _to(features: Features, device: torch.device) -> Features:
    return features.to(device) if isinstance(features, Tensor) else [f.to(device) for f in features]


def _joined(parts: Sequence[Features]) -> Features:
    tensors = [part for part in parts if isinstance(part, Tensor)]
    return torch.cat(tensors) if tensors else [tensor for part in parts for tensor in part]


def _nbytes(features: Features) -> int:
    return features.nbytes if isinstance(features, Tensor) else sum(f.nbytes for f in features)
