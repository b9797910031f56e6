"""Many questions about one picture, encoded as the model's own processor encodes each of them alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from PIL import Image

from core.unlearning.families.language.model.encode import Encoder
from core.unlearning.families.language.model.encoded import Encoded
from tests.support import tiny_language_models
from tests.support.tiny_multimodal_models import ARCHITECTURES

QUESTIONS = [
    "Where was this person born?",
    "What?",
    " Please tell me: what is their job and what colour is it",
    "USER",
    "",
    "Where was this person born? Where?",
]


class Counting:
    """A processor that counts how often it looks at a picture."""

    def __init__(self, processor: Any) -> None:
        self._processor, self.looks = processor, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def __call__(self, **asked: Any) -> Any:
        self.looks += "images" in asked
        return self._processor(**asked)


def pictures() -> list[Image.Image]:
    return [Image.effect_noise(size, 64).convert("RGB") for size in ((28, 28), (56, 28), (90, 60))]


def alone(processor: Any, question: str, picture: Image.Image) -> Encoded:
    return Encoder(processor).prompt(question, picture)


def agree(one: Encoded, other: Encoded) -> bool:
    pairs: list[tuple[Any, Any]] = [({"ids": e.input_ids, **e.tokens}, dict(e.vision)) for e in (one, other)]
    return one.answer_start == other.answer_start and all(
        a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
        for a, b in zip(pairs[0], pairs[1], strict=True)
    )


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_questions_are_encoded_as_each_is_alone(name: str) -> None:
    _, processor = ARCHITECTURES[name]()
    counting = Counting(processor)
    encoder, shown = Encoder(counting), pictures()
    for picture in shown:
        for question in QUESTIONS:
            assert agree(encoder.prompt(question, picture), alone(processor, question, picture)), (name, question)
    # Once each, and once more to see that this is what the processor makes.
    assert counting.looks == len(shown) + 1


def test_a_question_before_the_picture_is_left_to_the_processor() -> None:
    _, processor = ARCHITECTURES["llava"]()
    processor.chat_template = (
        "{%- for m in messages -%}{%- for p in m['content'] | reverse -%}"
        "{{- '<image>' if p['type'] == 'image' else p['text'] + ' ' -}}{%- endfor -%}"
        "{%- endfor -%}{{- ' ASSISTANT:' -}}"
    )
    counting = Counting(processor)
    encoder, (picture, *_) = Encoder(counting), pictures()
    for question in QUESTIONS:
        assert agree(encoder.prompt(question, picture), alone(processor, question, picture)), question
    assert counting.looks > 2


def test_a_processor_that_writes_more_for_some_questions_is_asked_each_time() -> None:
    class Longer(Counting):
        def __call__(self, **asked: Any) -> Any:
            made = super().__call__(**asked)
            if "images" in asked:
                made["input_ids"] = torch.cat(
                    [made["input_ids"], made["input_ids"][:, -len(asked["text"][0]) % 3 :]], 1
                )
                made["attention_mask"] = torch.ones_like(made["input_ids"])
            return made

    _, processor = ARCHITECTURES["llava"]()
    longer = Longer(processor)
    encoder, (picture, *_) = Encoder(longer), pictures()
    for question in QUESTIONS:
        assert agree(encoder.prompt(question, picture), alone(Longer(processor), question, picture)), question


@pytest.mark.parametrize("name", [name for name in tiny_language_models.ARCHITECTURES if "without" not in name])
def test_a_tokenizer_encodes_as_its_own_chats(name: str) -> None:
    _, tokenizer = tiny_language_models.ARCHITECTURES[name]()
    for question in QUESTIONS:
        turns = [{"role": "user", "content": question}]
        wanted = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
        assert Encoder(tokenizer).prompt(question, None).input_ids.tolist() == wanted


def test_special_tokens_are_added_where_no_template_writes_them() -> None:
    _, tokenizer = tiny_language_models.llama_without_template()
    tokenizer.add_bos_token = True
    tokenizer.update_post_processor()
    ids = Encoder(tokenizer).prompt("Where?", None).input_ids.tolist()
    assert tokenizer.decode(ids) == "<s>USER: Where? ASSISTANT:"


def test_a_model_that_may_think_is_asked_to_answer_at_once() -> None:
    _, tokenizer = tiny_language_models.llama()
    thinks = "{%- if add_generation_prompt and enable_thinking is not false -%}<think>{%- endif -%}"
    tokenizer.chat_template += thinks
    assert "<think>" not in tokenizer.decode(Encoder(tokenizer).prompt("Where?", None).input_ids)
