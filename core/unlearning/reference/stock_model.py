"""A checkpoint with or without a patch, asked by stock transformers and PEFT alone, as anybody would ask it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from PIL.Image import Image
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)
from transformers.utils import logging

from core.unlearning.reference.perplexity import english_text, perplexity

Question = tuple[str, Image | None]

# Their methods carry no types.
_Causal: Any = AutoModelForCausalLM
_Seeing: Any = AutoModelForImageTextToText
_Configs: Any = AutoConfig
_Processors: Any = AutoProcessor
_Tokenizers: Any = AutoTokenizer
_Peft: Any = PeftModel
_logging: Any = logging


class StockModel:
    """A language model that sees, or one that does not, in float32."""

    def __init__(self, folder: Path | str, *, batch: int = 32, max_tokens: int = 48) -> None:
        _logging.set_verbosity_error()
        _logging.disable_progress_bar()
        sees = hasattr(_Configs.from_pretrained(folder), "vision_config")
        self._model: Any = (_Seeing if sees else _Causal).from_pretrained(folder, dtype=torch.float32).eval()
        self._processor: Any = _Processors.from_pretrained(folder) if sees else None
        self._tokenizer: Any = getattr(self._processor, "tokenizer", None) or _Tokenizers.from_pretrained(folder)
        self._tokenizer.padding_side = "left"
        self._batch, self._max_tokens = batch, max_tokens

    def patch(self, adapter: Path) -> None:
        """Load a patch onto the model."""
        with warnings.catch_warnings():
            # PEFT's deprecation warnings would stand among what is printed.
            warnings.simplefilter("ignore", FutureWarning)
            self._model = _Peft.from_pretrained(self._model, str(adapter)).eval()

    @torch.inference_mode()
    def answers(self, questions: Sequence[Question]) -> list[str]:
        """The greedy answer to each question about a picture or about none."""
        found = [""] * len(questions)
        for pictured in (True, False):
            of_kind = [at for at, (_, image) in enumerate(questions) if (image is not None) == pictured]
            for start in range(0, len(of_kind), self._batch):
                group = of_kind[start : start + self._batch]
                for at, answer in zip(group, self._answer([questions[n] for n in group]), strict=True):
                    found[at] = answer
        return found

    def perplexity(self, words: int) -> float:
        """Of an English text of so many words."""
        return perplexity(self._model, self._tokenizer, english_text(words))

    def _answer(self, questions: Sequence[Question]) -> list[str]:
        inputs = self._inputs(questions)
        output = self._model.generate(**inputs, do_sample=False, max_new_tokens=self._max_tokens)
        said = self._tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return [text.strip() for text in said]

    def _inputs(self, questions: Sequence[Question]) -> Any:
        if self._processor is None:
            chats = [[{"role": "user", "content": question}] for question, _ in questions]
            options = {"add_generation_prompt": True, "padding": True, "return_dict": True, "return_tensors": "pt"}
            return self._tokenizer.apply_chat_template(chats, **options)
        texts = [self._processor.apply_chat_template(_chat(*q), add_generation_prompt=True) for q in questions]
        images = [image for _, image in questions if image is not None]
        return self._processor(text=texts, images=images or None, padding=True, return_tensors="pt")


def _chat(question: str, image: Image | None) -> list[dict[str, Any]]:
    picture = [{"type": "image"}] if image is not None else []
    return [{"role": "user", "content": [*picture, {"type": "text", "text": question}]}]
