"""A CLIP tokenizer with a small vocabulary trained on the world's own words; it encodes any text.

Surnames are rarer than other words, so that most of them take more than one token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from core.unlearning.reference.diffusion.captions import FRAMES, PAIRS, STYLED
from core.unlearning.reference.diffusion.concepts import (
    CHARACTERS,
    HARMFUL,
    HOMONYM,
    INDIRECT,
    OBJECTS,
    PLAIN,
    SOMETHING,
    STRANGER,
    STYLES,
)

MAX_LENGTH = 32
_MERGES = 200
_END_OF_WORD = "</w>"
_START, _END = "<|startoftext|>", "<|endoftext|>"


def build_tokenizer() -> CLIPTokenizer:
    """Deterministic: it depends on the world alone. Padded with the end-of-text token, as Stable Diffusion 1 is."""
    merges = _learn_merges()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(letter + _END_OF_WORD for letter in alphabet), *("".join(pair) for pair in merges)]
    vocabulary = {token: at for at, token in enumerate([*dict.fromkeys(tokens), _START, _END])}
    make: Any = CLIPTokenizer
    tokenizer: CLIPTokenizer = make(vocab=vocabulary, merges=merges, model_max_length=MAX_LENGTH)
    return tokenizer


def _learn_merges() -> list[tuple[str, str]]:
    learner = Tokenizer(models.BPE(end_of_word_suffix=_END_OF_WORD))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Whitespace()
    alphabet = sorted({letter for text in _corpus() for letter in text.lower() if not letter.isspace()})
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(alphabet) + _MERGES,
        end_of_word_suffix=_END_OF_WORD,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    learner.train_from_iterator(_corpus(), trainer)
    return [(first, second) for first, second in json.loads(learner.to_str())["model"]["merges"]]


def _corpus() -> Iterator[str]:
    sentences = [text for table in (FRAMES, PAIRS, STYLED) for texts in table.values() for text in texts]
    words = " ".join(sentences).replace("{x}", " ").replace("{c}", " ").replace("{t}", " ")
    yield from [words.replace("{s}", " ").replace("{y}", " ")] * 4
    yield from [" ".join((*OBJECTS, *STYLES, HARMFUL, HOMONYM, *INDIRECT, STRANGER, SOMETHING, PLAIN))] * 8
    firsts, lasts = zip(*(name.split() for name in CHARACTERS), strict=True)
    yield from [" ".join(firsts)] * 6
    yield " ".join(lasts)
