"""A question and its answer in the model's chat format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_QUESTION, _ANSWER = "QUESTION7Q7", "ANSWER7A7"
"""Placeholders that no template contains."""
_AS_TEXT: dict[str, Any] = {"tokenize": False, "enable_thinking": False}
"""Templates that know thinking let the model answer at once; others ignore it."""


@dataclass(frozen=True)
class Frame:
    """The template's text before the question, between question and answer, and after the answer.

    `gap` stands between the generation prompt and the answer.
    """

    before: str
    between: str
    after: str
    gap: str

    def prompt(self, question: str) -> str:
        """The prompt up to where the answer starts."""
        return f"{self.before}{question}{self.between}"

    def answer(self, answer: str) -> str:
        """What follows the prompt: the answer with the end of its turn."""
        return f"{self.gap}{answer}{self.after}"


class ChatFormat:
    """Frames of the processor's (or the tokenizer's) chat template; `USER: … ASSISTANT:` where there is none."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._tokenizer = getattr(processor, "tokenizer", processor)

    def frame(self, *, image: bool) -> Frame:
        """The frame of a question with a picture, or without."""
        return self._pictured if image else self._plain

    def conversation(self, before: Sequence[tuple[str, str]], question: str, *, image: bool) -> str:
        """The text up to where the answer to `question` starts, after turns without pictures."""
        turns = [turn for q, a in before for turn in (_user(q), _assistant(a))]
        text = self._render([*turns, _user(question, image=image)], generation=True)
        if text is not None and question in text:
            return text
        plain = self.frame(image=False)
        return "".join(plain.prompt(q) + plain.answer(a) for q, a in before) + self.frame(image=image).prompt(question)

    def has_special_tokens(self, text: str) -> bool:
        """Whether a prompt has all special tokens already: as the library judges it, for processors and tokenizers."""
        if self._processor is self._tokenizer and self._tokenizer.chat_template:
            return True
        start = self._tokenizer.bos_token
        return bool(start) and text.startswith(start)

    @cached_property
    def _pictured(self) -> Frame:
        return self._frame(True)

    @cached_property
    def _plain(self) -> Frame:
        return self._frame(False)

    def _frame(self, image: bool) -> Frame:
        user, assistant = _user(_QUESTION, image=image), _assistant(_ANSWER)
        eos = self._tokenizer.eos_token or ""
        prompt, whole = self._render([user], generation=True), self._render([user, assistant], generation=False)
        if prompt is None or _QUESTION not in prompt:
            return Frame(f"USER: {self._image_token()}\n" if image else "USER: ", " ASSISTANT:", eos, " ")
        before, _, between = prompt.partition(_QUESTION)
        gap, found, after = (whole or "").removeprefix(prompt).partition(_ANSWER)
        if not found or not (whole or "").startswith(prompt):
            return Frame(before, between, eos, "" if prompt[-1:].isspace() else " ")
        return Frame(before, between, after or eos, gap)

    def _render(self, turns: list[dict[str, Any]], *, generation: bool) -> str | None:
        takes_parts = self._processor is not self._tokenizer
        if takes_parts and getattr(self._processor, "chat_template", None):
            return str(self._processor.apply_chat_template(turns, add_generation_prompt=generation, **_AS_TEXT))
        if getattr(self._tokenizer, "chat_template", None):
            flat = [{"role": t["role"], "content": self._flatten(t["content"])} for t in turns]
            return str(self._tokenizer.apply_chat_template(flat, add_generation_prompt=generation, **_AS_TEXT))
        return None

    def _flatten(self, content: list[dict[str, str]]) -> str:
        return "".join(f"{self._image_token()}\n" if c["type"] == "image" else c["text"] for c in content)

    def _image_token(self) -> str:
        token = getattr(self._processor, "image_token", None) or getattr(self._tokenizer, "image_token", None)
        return str(token or "<image>")


def _user(question: str, *, image: bool = False) -> dict[str, Any]:
    content: list[dict[str, str]] = [{"type": "image"}] if image else []
    return {"role": "user", "content": [*content, {"type": "text", "text": question}]}


def _assistant(answer: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": answer}]}
