"""A question and its answer as the text that the model was trained to see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

_QUESTION, _ANSWER = "QUESTION7Q7", "ANSWER7A7"
"""Stand-ins that no template contains."""


@dataclass(frozen=True)
class Frame:
    """The text around a question and around its answer."""

    before: str
    between: str
    after: str
    gap: str

    def prompt(self, question: str) -> str:
        """The text up to where the answer starts."""
        return f"{self.before}{question}{self.between}"

    def answer(self, answer: str) -> str:
        """The text that follows the prompt when the model answers, up to and with the end of its turn."""
        return f"{self.gap}{answer}{self.after}"


class ChatFormat:
    """Frames from the processor's (or the tokenizer's) chat template; plain ones where there is none."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._tokenizer = getattr(processor, "tokenizer", processor)

    def frame(self, *, image: bool) -> Frame:
        """The frame of a question with a picture, or without."""
        return self._pictured if image else self._plain

    @cached_property
    def _pictured(self) -> Frame:
        return self._frame(True)

    @cached_property
    def _plain(self) -> Frame:
        return self._frame(False)

    def _frame(self, image: bool) -> Frame:
        content: list[dict[str, str]] = [{"type": "image"}] if image else []
        asked = {"role": "user", "content": [*content, {"type": "text", "text": _QUESTION}]}
        told = {"role": "assistant", "content": [{"type": "text", "text": _ANSWER}]}
        eos = self._tokenizer.eos_token or ""
        prompt, whole = self._render([asked], generation=True), self._render([asked, told], generation=False)
        if prompt is None or _QUESTION not in prompt:
            return Frame(f"USER: {self._image_token()}\n" if image else "USER: ", " ASSISTANT:", eos, " ")
        before, _, between = prompt.partition(_QUESTION)
        gap, found, after = (whole or "").removeprefix(prompt).partition(_ANSWER)
        if not found or not (whole or "").startswith(prompt):
            return Frame(before, between, eos, "" if prompt[-1:].isspace() else " ")
        return Frame(before, between, after or eos, gap)

    def _render(self, turns: list[dict[str, Any]], *, generation: bool) -> str | None:
        if getattr(self._processor, "chat_template", None):
            text = self._processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=generation)
            return str(text)
        if getattr(self._tokenizer, "chat_template", None):
            flat = [{"role": t["role"], "content": self._flatten(t["content"])} for t in turns]
            text = self._tokenizer.apply_chat_template(flat, tokenize=False, add_generation_prompt=generation)
            return str(text)
        return None

    def _flatten(self, content: list[dict[str, str]]) -> str:
        return "".join(f"{self._image_token()}\n" if c["type"] == "image" else c["text"] for c in content)

    def _image_token(self) -> str:
        token = getattr(self._processor, "image_token", None) or getattr(self._tokenizer, "image_token", None)
        return str(token or "<image>")
