"""A loaded multimodal LLM that answers and scores questions.

Rows of a batch may share the features of a picture and a common prefix. Whether a model allows it cannot be told from
its name: a few rows are computed both ways, at the start and again when longer rows come (a sliding window changes the
result). Where log-probabilities differ, rows go through the model padded, one sequence each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.mllm.evaluation.answerer import AnswerScore
from core.unlearning.families.mllm.model import batching, packing
from core.unlearning.families.mllm.model.answer_cache import Memory
from core.unlearning.families.mllm.model.batch import Batch, arrange
from core.unlearning.families.mllm.model.encode import Encoder
from core.unlearning.families.mllm.model.encoded import Encoded
from core.unlearning.families.mllm.model.generate import generate
from core.unlearning.families.mllm.model.logits import answer_logits
from core.unlearning.families.mllm.model.packing import Cost, Tree
from core.unlearning.families.mllm.model.score import score
from core.unlearning.families.mllm.model.vision import VisionCache
from core.unlearning.families.shared.out_of_memory import is_out_of_memory
from core.unlearning.types import Example


@dataclass
class MultimodalLM:
    """A model, or a `PeftModel` around one, with its processor. Implements the evaluation's `Answerer`."""

    model: Any
    processor: Any
    source: str = ""
    """How patches name this base: its hub id, or the id it is registered by."""
    max_new_tokens: int = 48
    token_budget: int = 16_384
    """Padded tokens in one inference batch; halved for the run when memory runs out."""
    memory: Memory | None = None
    """What it said before; only there while it is frozen (`memory.remembering`)."""

    @property
    def tokenizer(self) -> Any:
        """The processor's tokenizer."""
        return getattr(self.processor, "tokenizer", self.processor)

    @property
    def device(self) -> torch.device:
        """Where the inputs go."""
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
    def sharing(self) -> Sharing:
        """What rows may share in this model."""
        return Sharing()

    @property
    def end_tokens(self) -> list[int]:
        """Every token that ends the model's turn."""
        ends = self.model.generation_config.eos_token_id
        if ends is None:
            ends = self.tokenizer.eos_token_id
        return [int(t) for t in (ends if isinstance(ends, list) else [ends]) if t is not None]

    def batched(self, rows: Sequence[Encoded]) -> Batch:
        """See `Sharing.batched`."""
        return self.sharing.batched(self, rows)

    def buckets(self, rows: Sequence[Encoded], budget: int) -> Iterator[list[int]]:
        """See `Sharing.buckets`."""
        return self.sharing.buckets(self, rows, budget)

    def generate(self, examples: Sequence[Example]) -> list[str]:
        """Greedy, free-running answers, stripped."""
        return generate(self, [(e.question, e.image) for e in examples])

    def score(self, examples: Sequence[Example]) -> list[AnswerScore]:
        """Log-probability of each example's own answer, with the end of the turn."""
        return [AnswerScore(total=s.total, tokens=s.tokens) for s in score(self, examples)]


_SAME = 1e-5
"""Nats by which log-probabilities of a token may differ, beside what another padding makes of them."""
_NOISE = 4.0
"""Times what padding makes of them. In half precision that is all there is to go by."""
_SAMPLE = 3


class Sharing:
    """What was found out about one model, and what it keeps of pictures."""

    def __init__(self) -> None:
        self.vision = VisionCache()
        self.packs = True
        """Until a comparison says otherwise."""
        self.caches = True
        self._compared: dict[bool, int] = {}

    def batched(self, lm: MultimodalLM, rows: Sequence[Encoded]) -> Batch:
        """One batch, ready for the model. Rows with pictures and rows without must come in batches of their own."""
        self.compare(lm, rows)
        if self.packs:
            sequences = packing.laid(packing.grow(rows, cost(lm)), cost(lm))
            return self._shown(lm, packing.pack(rows, sequences, lm.pad_id, lm.device))
        return self._shown(lm, arrange(rows, lm.pad_id, lm.device))

    def to_answer(self, lm: MultimodalLM, prompts: Sequence[Encoded]) -> Batch:
        """The same of questions, a sequence each, whose answers are to follow."""
        self.compare(lm, prompts)
        return self._shown(lm, arrange(prompts, lm.pad_id, lm.device, side="left"))

    def buckets(self, lm: MultimodalLM, rows: Sequence[Encoded], budget: int) -> Iterator[list[int]]:
        """Indices of rows in batches of about `budget` tokens: what shares a beginning together, or like lengths."""
        self.compare(lm, rows)
        return packing.batches(rows, budget, cost(lm)) if self.packs else batching.buckets(rows, budget)

    def compare(self, lm: MultimodalLM, rows: Sequence[Encoded]) -> None:
        """Find out about rows that are longer than any compared before."""
        for view in (False, True):
            found = sorted((row for row in rows if bool(row.vision) is view), key=len)
            if not found or len(found[-1]) <= self._compared.get(view, 0):
                continue
            sample = _sample(found)
            if self.packs or (view and self.caches and view not in self._compared):
                self._find_out(lm, sample)
            self._compared[view] = max(map(len, sample))

    def _find_out(self, lm: MultimodalLM, sample: Sequence[Encoded]) -> None:
        with _at_rest(lm.model):
            alone = torch.cat([_told(lm, arrange([row], lm.pad_id, lm.device).with_pictures()) for row in sample])
            together = arrange(sample, lm.pad_id, lm.device)
            allowed = _SAME + _NOISE * float((alone - _told(lm, together.with_pictures())).abs().max())
            if self.caches:
                self.caches = _same(lm, lambda: self._shown(lm, together), alone, allowed)
            if self.packs:
                self.packs = _same(lm, lambda: self._shown(lm, _mixed(lm, sample)), alone.repeat(2), allowed)

    def _shown(self, lm: MultimodalLM, batch: Batch) -> Batch:
        """The batch with its pictures: their features where they may be kept, else their pixels."""
        features = self.vision.features(lm.model, batch.pictures) if batch.pictures and self.caches else None
        if features is None:
            return batch.with_pictures()
        inputs = batch.with_pictures(pixels=False).inputs
        return replace(batch, inputs={**inputs, "mm_encoder_outputs": {"image": features}})


def cost(lm: MultimodalLM) -> Cost:
    """A decoder layer has about 12 width^2 weights, and for each pair of tokens 2 width multiplications."""
    return Cost(getattr(lm.model.config, "image_token_id", None), 6 * lm.width)


def _mixed(lm: MultimodalLM, rows: Sequence[Encoded]) -> Batch:
    """The rows in one sequence, where they share what they can, and each once more beside that on its own."""
    trees = packing.grow(rows, cost(lm))
    for n, row in enumerate(rows):
        trees.append(Tree())
        trees[-1].add(len(rows) + n, len(row))
    twice = [*rows, *rows]
    return packing.pack(twice, [trees], lm.pad_id, lm.device)


def _sample(rows: Sequence[Encoded]) -> list[Encoded]:
    """The longest row made longer, and a few others: about the same picture, if there are any."""
    *others, longest = rows
    near = sorted(others, key=lambda row: (row.vision.digest != longest.vision.digest, -len(row)))
    return [_longer(longest), *map(_answered, near[: _SAMPLE - 1])]


def _longer(row: Encoded) -> Encoded:
    """The row with its end repeated, so that not every row that is a little longer needs a comparison of its own."""
    row = _answered(row)
    more = row.input_ids[row.answer_start :].repeat(len(row))[: len(row) // 2 + 1]
    tokens = {name: torch.nn.functional.pad(values, (0, len(more))) for name, values in row.tokens.items()}
    return replace(row, input_ids=torch.cat([row.input_ids, more]), tokens=tokens)


def _answered(row: Encoded) -> Encoded:
    """A question alone counts as if its last token were the answer."""
    return replace(row, answer_start=min(row.answer_start, len(row) - 1))


def _told(lm: MultimodalLM, batch: Batch) -> Tensor:
    """Log p of every answer token."""
    out = answer_logits(lm.model, batch)
    return out.logits.log_softmax(-1).gather(1, out.targets[:, None]).squeeze(1)


def _same(lm: MultimodalLM, make: Callable[[], Batch], wanted: Tensor, allowed: float) -> bool:
    """Whether a batch that is made in another way says the same. One that the model refuses does not."""
    try:
        return bool((_told(lm, make()) - wanted).abs().max() <= allowed)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return False


@contextmanager
def _at_rest(model: Any) -> Iterator[None]:
    """No gradients, and no dropout."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
