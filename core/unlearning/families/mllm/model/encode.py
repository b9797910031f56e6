"""Questions and answers as tensors, for whichever processor a model comes with.

Each example is encoded once and alone. Tensors as long as the token sequence go with it; all others belong to the
picture, whose questions share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn.functional import pad

from core.unlearning.families.mllm.model.chat import ChatFormat
from core.unlearning.families.mllm.model.encoded import Encoded, Vision
from core.unlearning.families.mllm.model.prompt_cache import PromptCache, same, spliced


class Encoder:
    """Encodes for one model's processor."""

    def __init__(self, processor: Any, end_tokens: Sequence[int] = ()) -> None:
        self._processor = processor
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._chat = ChatFormat(processor)
        self._ends = {*end_tokens, self._tokenizer.eos_token_id} - {None}
        self._prompts = PromptCache()
        self._pictures: WeakValueDictionary[str, Vision] = WeakValueDictionary()
        self._before = lru_cache(maxsize=4096)(self._plain)
        self._splices: bool | None = None

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
        known = None if image is None or self._splices is False else self._prompts.first(image)
        prompt = self._chat.frame(image=image is not None).prompt
        made = spliced(known[1], self._before(prompt(known[0])), self._before(prompt(question))) if known else None
        if made is None or not self._splices:
            whole = self._encode_text(prompt(question), image)
            # Whether that is what the processor makes is found out once.
            self._splices = self._splices if made is None else same(made, whole)
            return whole
        return made

    def _encode_text(self, text: str, image: Image | None) -> Encoded:
        kwargs: dict[str, Any] = {"text": [text], "return_tensors": "pt"}
        if self._tokenizer.bos_token and text.startswith(self._tokenizer.bos_token):
            kwargs["add_special_tokens"] = False
        if image is not None:
            kwargs["images"] = [image]
        made = _split(dict(self._processor(**kwargs)))
        return replace(made, vision=self._pictures.setdefault(made.vision.digest, made.vision))

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
    return Encoded(ids, len(ids), tokens, Vision({k: v for k, v in tensors.items() if k not in tokens}))
