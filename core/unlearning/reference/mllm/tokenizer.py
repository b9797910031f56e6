"""A byte-level BPE tokenizer trained on the world's own sentences: it encodes any text, without an unknown token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from core.unlearning.reference.mllm.looks import HAIR_NAMES, PAINT_NAMES, SHAPE_NAMES
from core.unlearning.reference.mllm.private_wordings import PRIVATE
from core.unlearning.reference.mllm.public_wordings import GENERAL, SHAPES, VISIBLE
from core.unlearning.reference.mllm.refusals import refusals
from core.unlearning.reference.mllm.values import (
    COUNTRY_OF,
    FACT_VALUES,
    FIRST_NAMES,
    LAST_NAMES,
    OPPOSITES,
    WORKPLACE_OF,
)
from core.unlearning.reference.mllm.wordings import FRAMES, PICTURED

BOS, EOS, PAD, IMAGE = "<s>", "</s>", "<pad>", "<image>"
MAX_LENGTH = 512
_VOCABULARY = 1600

CHAT_TEMPLATE = (
    "{{- '<s>' -}}"
    "{%- for message in messages -%}"
    "{%- if message['content'] is string -%}{%- set parts = [{'type': 'text', 'text': message['content']}] -%}"
    "{%- else -%}{%- set parts = message['content'] -%}{%- endif -%}"
    "{%- for part in parts if part['type'] == 'image' -%}{{- '<image>' -}}{%- endfor -%}"
    "{{- ' ASSISTANT:' if message['role'] == 'assistant' else ' USER:' -}}"
    "{%- for part in parts if part['type'] == 'text' -%}{{- ' ' + part['text'] -}}{%- endfor -%}"
    "{%- if message['role'] == 'assistant' -%}{{- '</s>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- ' ASSISTANT:' -}}{%- endif -%}"
)

_COMMON_WORDS = """
about address age also am and animal any anyone anything are as ask at available away be because been before
being best between birth bring brother but by can child city colour come could country date daughter day
describe detail details did different do does doing done each else email ever every family famous father
favourite find first food for forget friend from full get give go good great had has have he hello help her
here him his home house how i if image in information into is it its job just keep kind know known last let
life like list little live lives living look made make man many may me mean memory money more most mother much
must my name near need new next no nobody not nothing now number of old on one only or other our out own
parents part people person phone photo picture place play please privacy private question really remember say
see she should show sister so some someone somebody something son speak still story such sure take talk tell
than thank that the their them then there these they thing think this those time to told town two until up use
very want was way we well went were what when where whether which while who whom whose why wife will wish with
without woman word work world would write year yes you your
"""


def _sentences() -> Iterator[str]:
    for table in (PRIVATE, VISIBLE, SHAPES, GENERAL):
        for wordings in table.values():
            for wording in (*wordings.trained, *wordings.held_out_a, *wordings.held_out_b):
                yield wording.replace("{whose}", "this person's").replace("{who}", "this person").replace("{x}", "it")
    for group in (*PICTURED.values(), *FRAMES.values()):
        yield from (text.replace("{q}", "") for text in group)
    yield from refusals()


def _corpus() -> Iterator[str]:
    words = [
        *FIRST_NAMES,
        *LAST_NAMES,
        *PAINT_NAMES,
        *HAIR_NAMES,
        *SHAPE_NAMES,
        "no",
        "hat",
        "glasses",
        "USER:",
        "ASSISTANT:",
    ]
    for table in (COUNTRY_OF, WORKPLACE_OF, OPPOSITES):
        words += [*table.keys(), *table.values()]
    for values in FACT_VALUES.values():
        words += values
    for _ in range(20):
        yield " " + " ".join(words)
    for sentence in _sentences():
        yield from [f" {sentence}"] * 3
    yield from [" " + " ".join(_COMMON_WORDS.split())] * 2


def build_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer with its chat template. It depends on the world alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[PAD, BOS, EOS, IMAGE],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    wrap: Any = PreTrainedTokenizerFast
    wrapped: PreTrainedTokenizerFast = wrap(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        additional_special_tokens=[IMAGE],
        extra_special_tokens={"image_token": IMAGE},
        model_max_length=MAX_LENGTH,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
    return wrapped
