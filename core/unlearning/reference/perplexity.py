"""Perplexity of a text: how well a language model foretells ordinary English that no job saw."""

from __future__ import annotations

import math
from itertools import islice
from pydoc_data.topics import topics
from typing import Any

import torch

_WINDOW = 256
"""Tokens that are read at once; the first of each window is not foretold."""
_BATCH = 8


def english_text(words: int) -> str:
    """The first so many words of the Python language reference, which comes with every Python (65 000 in all)."""
    return " ".join(islice((word for topic in sorted(topics) for word in topics[topic].split()), words))


@torch.inference_mode()
def perplexity(model: Any, tokenizer: Any, text: str) -> float:
    """The exponential of a token's mean negative log-probability, given those before it in its window of 256 tokens."""
    ids = torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])
    windows = ids[: len(ids) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    if not len(windows):
        raise ValueError(f"a text needs at least {_WINDOW} tokens")
    total = math.fsum(_loss(model, batch) for batch in torch.split(windows, _BATCH))
    return math.exp(total / (windows.numel() - len(windows)))


def _loss(model: Any, batch: torch.Tensor) -> float:
    """Summed over the tokens, in nats."""
    logits = model(input_ids=batch).logits[:, :-1].float()
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), reduction="sum")
    return float(losses)
