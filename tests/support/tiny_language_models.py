"""Tiny, randomly initialised language models of many architectures, saved as ordinary directories with tokenizers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

_SENTENCES = [
    "Where was this person born? What is their job? I don't know. USER: ASSISTANT: Question: Please tell me: colour"
]
_TEMPLATE = (
    "{{- '<s>' -}}{%- for m in messages -%}{{- ' USER: ' if m['role'] == 'user' else ' ASSISTANT: ' -}}"
    "{{- m['content'] -}}{%- if m['role'] == 'assistant' -%}{{- '</s>' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- ' ASSISTANT:' -}}{%- endif -%}"
)
SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
Made = tuple[Any, Any]
"""A configuration, and the processor or the tokenizer."""


def make_tokenizer(*special: str, **named: str) -> Any:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<pad>", "<s>", "</s>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(_SENTENCES, trainer)
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=list(special),
        extra_special_tokens=named,
    )


def text_config(config: type[Any], tokenizer: Any, **more: Any) -> Any:
    """With grouped heads."""
    return config(
        vocab_size=len(tokenizer),
        num_key_value_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        **SMALL,
        **more,
    )


def _made(config: type[Any], template: str | None = _TEMPLATE, **more: Any) -> Made:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = template
    return text_config(config, tokenizer, **more), tokenizer


def llama() -> Made:
    return _made(hf.LlamaConfig)


def llama_without_template() -> Made:
    return _made(hf.LlamaConfig, None)


def llama_wide() -> Made:
    """Its widths are whole blocks of a 4-bit format."""
    config, tokenizer = llama()
    config.head_dim, config.hidden_size, config.intermediate_size = 16, 64, 128
    return config, tokenizer


def qwen2_tied() -> Made:
    """Its chats begin without a special token."""
    return _made(hf.Qwen2Config, _TEMPLATE.replace("'<s>'", "''"), tie_word_embeddings=True)


def mistral() -> Made:
    """A token sees the sixteen before it."""
    return _made(hf.MistralConfig, sliding_window=16)


def gemma3() -> Made:
    return _made(hf.Gemma3TextConfig, head_dim=8, sliding_window=64)


def phi() -> Made:
    return _made(hf.PhiConfig)


def gpt_neox() -> Made:
    return _made(hf.GPTNeoXConfig)


def gpt2() -> Made:
    """Its layers are no linears of torch: nothing can adapt them."""
    config, tokenizer = _made(hf.GPT2Config)
    return config, tokenizer


ARCHITECTURES: dict[str, Callable[[], Made]] = {
    builder.__name__: builder
    for builder in (llama, llama_without_template, llama_wide, qwen2_tied, mistral, gemma3, phi, gpt_neox)
}


def save(name: str, folder: Path) -> Path:
    """Save a randomly initialised model of that architecture."""
    config, tokenizer = {**ARCHITECTURES, "gpt2": gpt2}[name]()
    random_model(hf.AutoModelForCausalLM, config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def random_model(auto_class: Any, config: Any) -> Any:
    """Of fixed random weights."""
    torch.manual_seed(0)
    model = auto_class.from_config(config)
    # The libraries' own initialisation is so small that greedy answers do not depend on the question.
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    return model
