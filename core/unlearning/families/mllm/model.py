"""A loaded multimodal LLM that answers and scores questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from core.unlearning.families.mllm.batch import Batch
from core.unlearning.families.mllm.encode import Encoded, Encoder
from core.unlearning.families.mllm.evaluation.answerer import AnswerScore
from core.unlearning.families.mllm.generate import generate
from core.unlearning.families.mllm.memory import Memory
from core.unlearning.families.mllm.score import score
from core.unlearning.families.mllm.sharing import Sharing
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
