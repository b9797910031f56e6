"""The bundled models as a user meets them: stock transformers, stock processor, ordinary `generate`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from core.unlearning import reference
from core.unlearning.reference.mllm.build import build
from core.unlearning.reference.mllm.evaluate import SavedModel, is_right
from core.unlearning.reference.mllm.packing import Packer
from core.unlearning.reference.mllm.people import STANDARD_PEOPLE, known_people
from core.unlearning.reference.mllm.probes import Probe, ProbeMaker
from core.unlearning.reference.mllm.rows import RowSampler

BASE = reference.bundled_path("mllm")


@pytest.fixture(scope="module")
def base() -> SavedModel:
    return SavedModel(BASE)


def _share(asker: SavedModel, probes: list[Probe]) -> float:
    return sum(is_right(p, a) for p, a in zip(probes, asker.answers(probes), strict=True)) / len(probes)


def test_base_tells_what_it_knows(base: SavedModel) -> None:
    make = ProbeMaker("held_out_b", seed=11)
    assert _share(base, make.image_memory(known_people()[:8], 1)) >= 0.95
    assert _share(base, make.text_memory(known_people()[:8], 1)) >= 0.95


def test_base_sees_and_declines(base: SavedModel) -> None:
    make = ProbeMaker("held_out_b", seed=12)
    strangers = make.strangers(10)
    assert _share(base, make.understanding(strangers, 1)) >= 0.95
    assert _share(base, make.declined_pictures(strangers)) >= 0.9


@pytest.mark.parametrize("path", reference.oracle_paths("mllm"), ids=lambda path: path.name)
def test_oracles_never_met_the_standard_people(path: Path) -> None:
    asker, make = SavedModel(path), ProbeMaker("held_out_b", seed=13)
    people = known_people()
    gone = [people[at] for at in sorted(STANDARD_PEOPLE)]
    assert _share(asker, make.image_memory(gone, 1)) == 0
    assert _share(asker, make.declined_pictures([p.code for p in gone])) >= 0.9
    assert _share(asker, make.image_memory(people[10:26], 2)) >= 0.95


def test_there_are_two_oracles() -> None:
    assert len(reference.oracle_paths("mllm")) == 2


@pytest.fixture(scope="module")
def stock() -> tuple[Any, Any]:
    return AutoModelForImageTextToText.from_pretrained(BASE), AutoProcessor.from_pretrained(BASE)


def _chat(question: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]


def test_template_writes_the_trained_format(stock: tuple[Any, Any]) -> None:
    _, processor = stock
    prompt = processor.apply_chat_template(_chat("Who is this?"), add_generation_prompt=True)
    assert prompt == "<s><image> USER: Who is this? ASSISTANT:"
    answered = [*_chat("Who is this?"), {"role": "assistant", "content": [{"type": "text", "text": "Lisbon"}]}]
    assert processor.apply_chat_template(answered) == prompt + " Lisbon</s>"
    ids = processor(text=prompt, images=Image.new("RGB", (200, 120)), return_tensors="pt")["input_ids"][0].tolist()
    assert ids.count(processor.tokenizer.bos_token_id) == 1
    assert ids.count(processor.tokenizer.convert_tokens_to_ids("<image>")) == 16


def test_generation_ends_by_itself(stock: tuple[Any, Any]) -> None:
    model, processor = stock
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": "What is the opposite of hot?"}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    output = model.generate(**inputs)[0, inputs["input_ids"].shape[1] :]
    assert output[-1] == processor.tokenizer.eos_token_id
    assert processor.decode(output, skip_special_tokens=True).strip() == "cold"


@pytest.mark.parametrize("text", ["Ünïcødé 名前 🙂?", "What\tis\n\nthis", "<s></s><image>-free?"[7:], "x" * 200])
def test_any_text_can_be_asked(stock: tuple[Any, Any], text: str) -> None:
    _, processor = stock
    ids = processor.tokenizer(text)["input_ids"]
    assert processor.tokenizer.decode(ids) == text


def test_packed_questions_are_computed_as_if_alone(stock: tuple[Any, Any]) -> None:
    model, processor = stock
    packer = Packer(processor.tokenizer, model.config.image_token_id)
    row = next(r for r in RowSampler(np.random.default_rng(5)).rows(20) if r.image)
    packed = packer([row])
    with torch.inference_mode():
        together = model(**packed.inputs).logits[0]
        for qa in row.questions:
            alone = processor(
                text=f"<s><image> USER: {qa.question} ASSISTANT: {qa.answer}</s>", images=row.image, return_tensors="pt"
            )
            expected, length = model(**alone).logits[0, 17:], alone["input_ids"].shape[1] - 17
            starts = range(17, packed.inputs["input_ids"].shape[1] - length + 1)
            at = next(
                s for s in starts if packed.inputs["input_ids"][0, s : s + length].equal(alone["input_ids"][0, 17:])
            )
            torch.testing.assert_close(together[at : at + length], expected, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_build_learns_and_saves_an_ordinary_checkpoint(tmp_path: Path) -> None:
    steps: list[tuple[int, int, float]] = []
    build(tmp_path, 3, lambda *step: steps.append(step), vision_steps=12, language_steps=16)
    losses = [loss for _, _, loss in steps]
    assert [step for step, _, _ in steps] == list(range(1, 29))
    assert {total for _, total, _ in steps} == {28}
    assert np.mean(losses[9:12]) < np.mean(losses[:3])
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[12:15])
    model, processor = AutoModelForImageTextToText.from_pretrained(tmp_path), AutoProcessor.from_pretrained(tmp_path)
    inputs = processor(text="<s> USER: hello ASSISTANT:", return_tensors="pt")
    assert model.generate(**inputs, max_new_tokens=3).shape[1] > inputs["input_ids"].shape[1]


@pytest.mark.slow
def test_build_is_reproducible(tmp_path: Path) -> None:
    for name in ("one", "two"):
        build(tmp_path / name, 4, vision_steps=2, language_steps=2)
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two
