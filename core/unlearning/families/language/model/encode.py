"""Encode questions and answers as tensors, with whichever processor a model comes with.

Each example is encoded once and alone. Tensors as long as the token sequence belong to the row; all others belong to
the picture and are shared by all questions about it.
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

from core.unlearning.families.language.model.chat import ChatFormat
from core.unlearning.families.language.model.encoded import Encoded, Vision
from core.unlearning.families.language.model.prompt_cache import PromptCache, same_encoding, splice_question

Span = tuple[int, int]
"""[start, end) of a text."""


class Encoder:
    """Encodes with one model's processor."""

    def __init__(self, processor: Any, end_tokens: Sequence[int] = ()) -> None:
        self._processor = processor
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._chat = ChatFormat(processor)
        self._ends = {*end_tokens, self._tokenizer.eos_token_id} - {None}
        self._prompts = PromptCache()
        self._pictures: WeakValueDictionary[str, Vision] = WeakValueDictionary()
        self._prompt_ids = lru_cache(maxsize=4096)(self._tokenise)
        self._splicing_works: bool | None = None

    def prompt(self, question: str, image: Image | None) -> Encoded:
        """A question up to where its answer starts. Tensors may be shared with other encodings: never write to them."""
        return self._prompts.get(question, image, lambda: self._encode(question, image))

    def conversation(
        self, before: Sequence[tuple[str, str]], question: str, image: Image | None, begins: str = ""
    ) -> Encoded:
        """A question after earlier turns (question, answer), with `begins` as the beginning of its answer."""
        text = self._chat.conversation(before, question, image=image is not None)
        gap = self._chat.frame(image=image is not None).gap
        return self._encode_text(f"{text}{gap}{begins}" if begins else text, image)

    def _encode(self, question: str, image: Image | None) -> Encoded:
        first = None if image is None or self._splicing_works is False else self._prompts.first(image)
        prompt = self._chat.frame(image=image is not None).prompt
        text = self._prompt_ids(prompt(question))
        made = splice_question(first[1], self._prompt_ids(prompt(first[0])), text) if first else None
        if made is None or not self._splicing_works:
            whole = self._encode_text(prompt(question), image)
            # Compared once with what the processor itself makes.
            self._splicing_works = self._splicing_works if made is None else same_encoding(made, whole)
            return whole
        return made

    def _encode_text(self, text: str, image: Image | None) -> Encoded:
        kwargs: dict[str, Any] = {"text": [text], "return_tensors": "pt"}
        if self._chat.has_special_tokens(text):
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
        """Token ids of the answer and the end of the turn.

        Tokenised together with the question where that leaves the question's own tokens unchanged.
        """
        frame = self._chat.frame(image=image)
        start, rest = frame.prompt(question), frame.answer(answer)
        before, whole = self._prompt_ids(start), self._tokenise(start + rest)
        ids = whole[len(before) :] if whole[: len(before)] == before else self._tokenise(rest)
        end = next((i for i, token in enumerate(ids) if token in self._ends), None)
        return ids[: end + 1] if end is not None else [*ids, self._tokenizer.eos_token_id]

    def answer_spans(self, question: str, answer: str, *, image: bool) -> list[Span]:
        """Where in `answer` each token of `answer_ids` stands, [start, end); empty for what is none of its characters.

        Of tokenizers that do not tell it, a token stands where the text of those before it ends.
        """
        frame = self._chat.frame(image=image)
        start, rest = frame.prompt(question), frame.answer(answer)
        before, whole = self._prompt_ids(start), self._tokenise(start + rest)
        alone = whole[: len(before)] != before
        begin = len(frame.gap) if alone else len(start) + len(frame.gap)
        ids = self.answer_ids(question, answer, image=image)
        offsets = self._offsets(rest if alone else start + rest)[0 if alone else len(before) :][: len(ids)]
        offsets += [(begin + len(answer),) * 2] * (len(ids) - len(offsets))
        limit = len(answer)
        return [(min(max(a - begin, 0), limit), min(max(b - begin, 0), limit)) for a, b in offsets]

    def _offsets(self, text: str) -> list[Span]:
        if getattr(self._tokenizer, "is_fast", False):
            encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            return [(int(a), int(b)) for a, b in encoded["offset_mapping"]]
        ids = self._tokenise(text)
        ends = [len(self._tokenizer.decode(ids[: n + 1])) for n in range(len(ids))]
        return list(zip([0, *ends], ends, strict=False))

    def _tokenise(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def _split(features: dict[str, Any]) -> Encoded:
    ids = features.pop("input_ids")[0]
    features.pop("attention_mask", None)
    tensors = {k: v if isinstance(v, Tensor) else torch.as_tensor(v) for k, v in features.items()}
    tokens = {k: v[0] for k, v in tensors.items() if v.shape == (1, len(ids))}
    return Encoded(ids, len(ids), tokens, Vision({k: v for k, v in tensors.items() if k not in tokens}))
