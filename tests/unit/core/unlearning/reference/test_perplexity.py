"""Perplexity against what transformers computes itself, and against a model that knows nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from core.unlearning.reference.perplexity import english_text, perplexity

WORDS = 64
SHAPE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def tokens(text: str, **_: object) -> dict[str, list[int]]:
    """A token a word, by its length."""
    return {"input_ids": [len(word) % WORDS for word in text.split()]}


@pytest.fixture
def model() -> Any:
    torch.manual_seed(3)
    return LlamaForCausalLM(LlamaConfig(vocab_size=WORDS, **SHAPE)).eval()


def test_it_is_the_exponential_of_the_mean_loss_over_whole_windows(model: Any) -> None:
    text = english_text(2 * 256 + 100)
    ids = torch.tensor(tokens(text)["input_ids"])[: 2 * 256].reshape(2, 256)
    with torch.inference_mode():
        losses = [float(model(input_ids=window[None], labels=window[None]).loss) for window in ids]
    assert perplexity(model, tokens, text) == pytest.approx(math.exp(sum(losses) / 2), rel=1e-5)


def test_a_model_that_knows_nothing_is_as_perplexed_as_it_has_words(model: Any) -> None:
    torch.nn.init.zeros_(model.lm_head.weight)
    assert perplexity(model, tokens, english_text(300)) == pytest.approx(WORDS, rel=1e-5)


def test_a_text_that_is_too_short_is_said_so(model: Any) -> None:
    with pytest.raises(ValueError, match="at least 256 tokens"):
        perplexity(model, tokens, english_text(10))


def test_there_are_words_enough_for_the_benchmark() -> None:
    assert len(english_text(20_000).split()) == 20_000
