"""Logits at answer positions only."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.language.model.batch import Batch


@dataclass(frozen=True)
class AnswerLogits:
    """`logits` [n, vocabulary] (float32) predict the answer tokens `targets` [n]; `rows` [n] is the row of each."""

    logits: Tensor
    targets: Tensor
    rows: Tensor


def answer_logits(model: Any, batch: Batch) -> AnswerLogits:
    """One forward pass. Differentiable where the caller allows gradients."""
    inputs = as_dtype(batch.inputs, model.dtype)
    positions = (batch.sequences, batch.columns)
    if _keeps_logits(model):
        keep = torch.zeros_like(inputs["input_ids"], dtype=torch.bool)
        keep[positions] = True
        index = keep.flatten().cumsum(0).view_as(keep) - 1
        logits = model(**inputs, use_cache=False, logits_to_keep=keep).logits[index[positions]]
    else:
        logits = model(**inputs, use_cache=False).logits[positions]
    return AnswerLogits(logits.float(), batch.targets, batch.rows)


def as_dtype(inputs: Mapping[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """The inputs with every floating-point tensor cast to `dtype`."""
    return {k: v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in inputs.items()}


def _keeps_logits(model: Any) -> bool:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(base.forward).parameters
