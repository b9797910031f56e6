"""Questions and answers as tensors, for whichever processor a model comes with.

Each example is encoded once and alone; `collate` then pads and joins what the processor returned. Tensors as long as
the token sequence are padded with it; all others belong to the images and are joined along their first dimension
(zero-padded where pictures were split into different numbers of tiles, which the models mask by themselves).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn.functional import pad

from core.unlearning.families.mllm.chat import ChatFormat
from core.unlearning.families.mllm.prompt_cache import PromptCache


@dataclass(frozen=True)
class Encoded:
    """One example. Tokens from `answer_start` on are the answer, up to and with the end of the turn."""

    input_ids: Tensor
    answer_start: int
    tokens: dict[str, Tensor]
    vision: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def nbytes(self) -> int:
        """Bytes of all its tensors."""
        return sum(t.nbytes for t in (self.input_ids, *self.tokens.values(), *self.vision.values()))


@dataclass(frozen=True)
class Batch:
    """`inputs` go to the model as they are; `answer` [batch, length] marks the answer tokens."""

    inputs: dict[str, Tensor]
    answer: Tensor


class Encoder:
    """Encodes for one model's processor."""

    def __init__(self, processor: Any, end_tokens: Sequence[int] = ()) -> None:
        self._processor = processor
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._chat = ChatFormat(processor)
        self._ends = {*end_tokens, self._tokenizer.eos_token_id} - {None}
        self._prompts = PromptCache()
        self._before = lru_cache(maxsize=4096)(self._plain)

    def prompt(self, question: str, image: Image | None) -> Encoded:
        """A question, ready to be answered. The tensors may be shared with others that were given out."""
        return self._prompts.get(question, image, lambda: self._encode(question, image))

    def conversation(
        self, before: Sequence[tuple[str, str]], question: str, image: Image | None, begins: str = ""
    ) -> Encoded:
        """A question that comes after other turns, with the beginning of its answer where one is given."""
        text = self._chat.conversation(before, question, image=image is not None)
        gap = self._chat.frame(image=image is not None).gap
        return self._encode_text(f"{text}{gap}{begins}" if begins else text, image)

    def _encode(self, question: str, image: Image | None) -> Encoded:
        return self._encode_text(self._chat.frame(image=image is not None).prompt(question), image)

    def _encode_text(self, text: str, image: Image | None) -> Encoded:
        kwargs: dict[str, Any] = {"text": [text], "return_tensors": "pt"}
        if self._tokenizer.bos_token and text.startswith(self._tokenizer.bos_token):
            kwargs["add_special_tokens"] = False
        if image is not None:
            kwargs["images"] = [image]
        return _split(dict(self._processor(**kwargs)))

    def with_answer(self, question: str, image: Image | None, answer: str) -> Encoded:
        """A question with its answer."""
        return self.extend(self.prompt(question, image), question, answer)

    def extend(self, prompt: Encoded, question: str, answer: str) -> Encoded:
        """An encoded question with another answer appended."""
        ids = self.answer_ids(question, answer, image=bool(prompt.vision))
        tokens = {name: pad(row, (0, len(ids))) for name, row in prompt.tokens.items()}
        whole = torch.cat([prompt.input_ids, torch.tensor(ids, dtype=prompt.input_ids.dtype)])
        return Encoded(whole, len(prompt.input_ids), tokens, prompt.vision)

    def answer_ids(self, question: str, answer: str, *, image: bool) -> list[int]:
        """Tokens of the answer. Tokenised together with the question where the question's tokens stay the same."""
        frame = self._chat.frame(image=image)
        start, rest = frame.prompt(question), frame.answer(answer)
        before, whole = self._before(start), self._plain(start + rest)
        ids = whole[len(before) :] if whole[: len(before)] == before else self._plain(rest)
        end = next((i for i, token in enumerate(ids) if token in self._ends), None)
        return ids[: end + 1] if end is not None else [*ids, self._tokenizer.eos_token_id]

    def _plain(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def _split(features: dict[str, Any]) -> Encoded:
    ids = features.pop("input_ids")[0]
    features.pop("attention_mask", None)
    tensors = {k: v if isinstance(v, Tensor) else torch.as_tensor(v) for k, v in features.items()}
    tokens = {k: v[0] for k, v in tensors.items() if v.shape == (1, len(ids))}
    return Encoded(ids, len(ids), tokens, {k: v for k, v in tensors.items() if k not in tokens})


def collate(
    rows: Sequence[Encoded], pad_id: int, device: torch.device, *, side: Literal["left", "right"] = "right"
) -> Batch:
    """Pad and join. Rows with pictures and rows without must come in batches of their own."""
    width = max(len(row) for row in rows)

    def padded(row: Tensor, value: int) -> Tensor:
        gap = width - len(row)
        return pad(row, (gap, 0) if side == "left" else (0, gap), value=value)

    inputs = {
        "input_ids": torch.stack([padded(row.input_ids, pad_id) for row in rows]),
        "attention_mask": torch.stack([padded(torch.ones_like(row.input_ids), 0) for row in rows]),
    }
    for name in rows[0].tokens:
        inputs[name] = torch.stack([padded(row.tokens[name], 0) for row in rows])
    for name in rows[0].vision:
        inputs[name] = _join([row.vision[name] for row in rows])
    answer = torch.stack([padded((torch.arange(len(row)) >= row.answer_start).long(), 0) for row in rows]).bool()
    return Batch({k: v.to(device) for k, v in inputs.items()}, answer.to(device))


def _join(parts: list[Tensor]) -> Tensor:
    shape = [max(sizes) for sizes in zip(*(p.shape[1:] for p in parts), strict=True)]
    return torch.cat([_grow(part, shape) for part in parts])


def _grow(part: Tensor, shape: list[int]) -> Tensor:
    gaps = [(0, want - have) for have, want in zip(part.shape[1:], shape, strict=True)]
    return pad(part, [side for gap in reversed(gaps) for side in gap]) if any(g for _, g in gaps) else part
