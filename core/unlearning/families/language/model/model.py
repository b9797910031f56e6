"""A loaded language model that answers and scores questions.

Rows of a batch may share the features of a picture and a common prefix. Whether a model allows it cannot be told from
its name: a few rows are computed both ways, at the start and again when longer rows come (a sliding window changes the
result). Where log-probabilities differ, rows go through the model padded, one sequence each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.language.model import batching, packing
from core.unlearning.families.language.model.answer_cache import AnswerCache
from core.unlearning.families.language.model.answerer import AnswerScore
from core.unlearning.families.language.model.batch import Batch, collate, collate_tokens
from core.unlearning.families.language.model.encode import Encoder
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.generate import generate
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.packing import PackingCost, PrefixTree
from core.unlearning.families.language.model.score import ScoredAnswer, fact_tokens, score
from core.unlearning.families.language.model.vision import VisionCache
from core.unlearning.families.shared.out_of_memory import is_out_of_memory
from core.unlearning.types import Example


@dataclass
class LanguageModel:
    """A model, or a `PeftModel` around one, with its processor. Implements the evaluation's `Answerer`."""

    model: Any
    processor: Any
    sees: bool = True
    """Whether questions may bring a picture."""
    source: str = ""
    """How patches name this base: its hub id, or the id it is registered by."""
    max_new_tokens: int = 48
    token_budget: int = 16_384
    """Padded tokens in one inference batch; halved for the run when memory runs out."""
    answer_cache: AnswerCache | None = None
    """Its earlier answers; set only while it is frozen (`frozen.caching_answers`)."""

    @property
    def tokenizer(self) -> Any:
        """The processor's tokenizer."""
        return getattr(self.processor, "tokenizer", self.processor)

    @property
    def device(self) -> torch.device:
        """The device of the inputs."""
        return torch.device(self.model.device)

    @property
    def width(self) -> int:
        """Hidden size of the language model."""
        return int(self.model.config.get_text_config().hidden_size)

    @property
    def pad_id(self) -> int:
        """Padding token; any will do, since it is masked."""
        pad = self.tokenizer.pad_token_id
        return int(pad if pad is not None else self.tokenizer.eos_token_id)

    @cached_property
    def encoder(self) -> Encoder:
        """Encoder of this model's processor."""
        return Encoder(self.processor, self.end_tokens)

    @cached_property
    def sharing(self) -> PrefixSharing:
        """What rows of a batch may share in this model."""
        return PrefixSharing()

    @property
    def end_tokens(self) -> list[int]:
        """Every token that ends the model's turn."""
        ends = self.model.generation_config.eos_token_id
        if ends is None:
            ends = self.tokenizer.eos_token_id
        return [int(t) for t in (ends if isinstance(ends, list) else [ends]) if t is not None]

    def to_batch(self, rows: Sequence[Encoded]) -> Batch:
        """See `PrefixSharing.to_batch`."""
        return self.sharing.to_batch(self, rows)

    def buckets(self, rows: Sequence[Encoded], budget: int) -> Iterator[list[int]]:
        """See `PrefixSharing.buckets`."""
        return self.sharing.buckets(self, rows, budget)

    def generate(self, examples: Sequence[Example]) -> list[str]:
        """Greedy, free-running answers, stripped."""
        return generate(self, [(e.question, e.image) for e in examples])

    def score(self, examples: Sequence[Example]) -> list[AnswerScore]:
        """Log-probability of each example's own answer, with the end of the turn."""
        return [self._answer_score(e, s) for e, s in zip(examples, score(self, examples), strict=True)]

    def _answer_score(self, example: Example, scored: ScoredAnswer) -> AnswerScore:
        facts = [scored.log_probs[n] for n in fact_tokens(self, example)] if example.facts else None
        return AnswerScore(scored.total, scored.tokens, None if facts is None else fmean(facts))


_TOLERANCE = 1e-5
"""Nats by which log-probabilities of a token may differ, beyond the effect of padding."""
_PADDING_FACTOR = 4.0
"""Multiple of the effect of padding that is allowed. In half precision that is the only scale there is."""
_SAMPLE_SIZE = 3


class PrefixSharing:
    """Whether one model's rows may share prefixes and picture features, found by comparison; and its features cache."""

    def __init__(self) -> None:
        self.vision = VisionCache()
        self.packs = True
        """Whether prefixes may be shared; false once a comparison fails. `caches`: the same of picture features."""
        self.caches = True
        self._compared: dict[bool, int] = {}

    def to_batch(self, lm: LanguageModel, rows: Sequence[Encoded]) -> Batch:
        """One batch of model inputs. Rows with and without pictures must be in separate batches."""
        self.compare(lm, rows)
        if self.packs:
            sequences = packing.lay_out(packing.build_trees(rows, packing_cost(lm)), packing_cost(lm))
            return self._with_features(lm, packing.pack(rows, sequences, lm.pad_id, lm.device))
        return self._with_features(lm, collate_tokens(rows, lm.pad_id, lm.device))

    def prompt_batch(self, lm: LanguageModel, prompts: Sequence[Encoded]) -> Batch:
        """A left-padded batch of prompts, one per sequence, to generate answers to."""
        self.compare(lm, prompts)
        return self._with_features(lm, collate_tokens(prompts, lm.pad_id, lm.device, side="left"))

    def buckets(self, lm: LanguageModel, rows: Sequence[Encoded], budget: int) -> Iterator[list[int]]:
        """Batches of row indices of about `budget` tokens: by common prefix where sharing works, else by length."""
        self.compare(lm, rows)
        return (
            packing.cut_batches(rows, budget, packing_cost(lm)) if self.packs else batching.length_buckets(rows, budget)
        )

    def compare(self, lm: LanguageModel, rows: Sequence[Encoded]) -> None:
        """Compare both ways of computing for rows longer than any compared before."""
        for view in (False, True):
            by_length = sorted((row for row in rows if bool(row.vision) is view), key=len)
            if not by_length or len(by_length[-1]) <= self._compared.get(view, 0):
                continue
            sample = _sample(by_length)
            if self.packs or (view and self.caches and view not in self._compared):
                self._compare_sample(lm, sample)
            self._compared[view] = max(map(len, sample))

    def _compare_sample(self, lm: LanguageModel, sample: Sequence[Encoded]) -> None:
        with _inference_mode(lm.model):
            alone = torch.cat([_log_probs(lm, collate([row], lm.pad_id, lm.device)) for row in sample])
            together = collate_tokens(sample, lm.pad_id, lm.device)
            padding = (alone - _log_probs(lm, together.with_pictures())).abs().max()
            tolerance = _TOLERANCE + _PADDING_FACTOR * float(padding)
            if self.caches:
                self.caches = _agrees(lm, lambda: self._with_features(lm, together), alone, tolerance)
            if self.packs:
                packed = partial(_pack_twice, lm, sample)
                self.packs = _agrees(lm, lambda: self._with_features(lm, packed()), alone.repeat(2), tolerance)

    def _with_features(self, lm: LanguageModel, batch: Batch) -> Batch:
        """The batch with its pictures: cached features where the model allows it, else pixels."""
        features = self.vision.features(lm.model, batch.pictures) if batch.pictures and self.caches else None
        if features is None:
            return batch.with_pictures()
        inputs = batch.with_pictures(pixels=False).inputs
        return replace(batch, inputs={**inputs, "mm_encoder_outputs": {"image": features}})


def packing_cost(lm: LanguageModel) -> PackingCost:
    """A decoder layer has about 12 width^2 weights, and 2 width multiplications for each pair of tokens."""
    return PackingCost(getattr(lm.model.config, "image_token_id", None), 6 * lm.width)


def _pack_twice(lm: LanguageModel, rows: Sequence[Encoded]) -> Batch:
    """All rows in one sequence twice: sharing prefixes, and each as a tree of its own."""
    trees = packing.build_trees(rows, packing_cost(lm))
    for n, row in enumerate(rows):
        trees.append(PrefixTree())
        trees[-1].add(len(rows) + n, len(row))
    twice = [*rows, *rows]
    return packing.pack(twice, [trees], lm.pad_id, lm.device)


def _sample(rows: Sequence[Encoded]) -> list[Encoded]:
    """The longest row, lengthened, and a few others: about the same picture where there are any."""
    *others, longest = rows
    nearest_first = sorted(others, key=lambda row: (row.vision.digest != longest.vision.digest, -len(row)))
    return [_lengthen(longest), *map(_with_answer, nearest_first[: _SAMPLE_SIZE - 1])]


def _lengthen(row: Encoded) -> Encoded:
    """The row with its end repeated, so that a slightly longer row later needs no comparison of its own."""
    row = _with_answer(row)
    more = row.input_ids[row.answer_start :].repeat(len(row))[: len(row) // 2 + 1]
    tokens = {name: torch.nn.functional.pad(values, (0, len(more))) for name, values in row.tokens.items()}
    return replace(row, input_ids=torch.cat([row.input_ids, more]), tokens=tokens)


def _with_answer(row: Encoded) -> Encoded:
    """For a question without an answer, its last token is taken as the answer."""
    return replace(row, answer_start=min(row.answer_start, len(row) - 1))


def _log_probs(lm: LanguageModel, batch: Batch) -> Tensor:
    """Log-probability of every answer token [n]."""
    out = answer_logits(lm.model, batch)
    return out.logits.log_softmax(-1).gather(1, out.targets[:, None]).squeeze(1)


def _agrees(lm: LanguageModel, make: Callable[[], Batch], expected: Tensor, tolerance: float) -> bool:
    """Whether another way of batching gives the expected log-probabilities. One that the model rejects does not."""
    try:
        return bool((_log_probs(lm, make()) - expected).abs().max() <= tolerance)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return False


@contextmanager
def _inference_mode(model: Any) -> Iterator[None]:
    """No gradients and no dropout inside the block; module modes are restored after it."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
