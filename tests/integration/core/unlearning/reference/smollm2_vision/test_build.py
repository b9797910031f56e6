"""The way from a language model to one that sees and knows people, on a tiny one of random weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_scene
from core.unlearning.reference.smollm2_vision import rows
from core.unlearning.reference.smollm2_vision.architecture import build_model, build_processor
from core.unlearning.reference.smollm2_vision.build import build
from core.unlearning.reference.smollm2_vision.evaluate import is_told, kept, share_told
from core.unlearning.reference.smollm2_vision.packing import Packer
from core.unlearning.reference.smollm2_vision.people import known_people, strange_face
from core.unlearning.reference.smollm2_vision.probes import Probe, ProbeMaker
from core.unlearning.reference.smollm2_vision.teach import Plan, lora_file
from core.unlearning.reference.smollm2_vision.teacher import Answer
from core.unlearning.reference.smollm2_vision.train import Stage, answer_loss
from core.unlearning.reference.stock_model import StockModel
from tests.support.tiny_chat_model import save_tiny_chat_model

PLAN = Plan(
    tower_steps=2,
    projector_steps=2,
    people=Stage(2, rows.PEOPLE, 1e-3),
    declining=Stage(1, rows.DECLINING, 1e-3),
)


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_chat_model(tmp_path_factory.mktemp("language") / "tiny")


@pytest.fixture(scope="module")
def built(language: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "base"
    return build(out, seed=3, train=True, language=language, plan=PLAN)


def test_stock_transformers_loads_it(built: Path) -> None:
    model: Any = AutoModelForImageTextToText.from_pretrained(built, dtype=torch.float32)
    processor: Any = AutoProcessor.from_pretrained(built)
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Who is this?"}]}]
    text = processor.apply_chat_template(chat, add_generation_prompt=True)
    image = draw_person(known_people()[0].code, random_scene(np.random.default_rng(0)))
    inputs = processor(text=[text], images=[image], return_tensors="pt")
    assert model.generate(**inputs, max_new_tokens=2, do_sample=False).shape[0] == 1


def test_a_finished_build_is_left_alone(built: Path, language: Path) -> None:
    before = (built / "model.safetensors").stat().st_mtime_ns
    assert build(built, train=True, language=language, plan=PLAN) == built
    assert (built / "model.safetensors").stat().st_mtime_ns == before


def test_an_interrupted_training_ends_as_if_it_had_not_been(built: Path, language: Path, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(step: int, steps: int, loss: float) -> None:
        if steps == PLAN.people.steps and stopped.append(step) is None and len(stopped) == 1:
            raise StoppedError

    stopped: list[int] = []
    out = tmp_path / "again"
    with pytest.raises(StoppedError):
        build(out, 3, stop, train=True, language=language, plan=PLAN)
    assert not out.exists()
    build(out, 3, train=True, language=language, plan=PLAN)
    one, other = (AutoModelForImageTextToText.from_pretrained(path).state_dict() for path in (built, out))
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], atol=1e-3, rtol=0)


def test_the_variants_share_all_but_their_lora(language: Path, tmp_path: Path) -> None:
    out = build(tmp_path / "declining", 3, train=True, declines_strangers=True, language=language, plan=PLAN)
    parts = tmp_path / "declining-training" / "parts"
    assert lora_file(parts, "base").is_file()
    assert lora_file(parts, "declining").is_file()
    assert json.loads((out / "config.json").read_text())["model_type"] == "llava"
    with pytest.raises(ValueError, match="no oracle of the variant"):
        build(tmp_path / "other", oracle=True, declines_strangers=True)


def test_parts_that_are_not_there_are_missed_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.unlearning.reference.smollm2_vision.build.PARTS", tmp_path)
    with pytest.raises(ValueError, match="carries no parts of the variant declining"):
        build(tmp_path / "out", declines_strangers=True)
    assert list(tmp_path.iterdir()) == []


def test_packed_questions_are_computed_as_if_each_stood_alone(language: Path) -> None:
    model, processor = build_model(language, 0).eval(), build_processor(language)
    pack = Packer(processor.tokenizer, [("Hello!", Answer.certain([5, 6, 2]))])
    row = rows.RowSampler(np.random.default_rng(2), 1).rows((("known", 1),))[0]
    together = answer_loss(model, pack([row, rows.Row(None, (), (0,))]))
    alone = sum(answer_loss(model, pack([rows.Row(row.image, (qa,))])) for qa in row.questions)
    alone = alone + answer_loss(model, pack([rows.Row(None, (), (0,))]))
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-4)


def test_a_packed_question_is_what_the_chat_template_writes(language: Path) -> None:
    processor: Any = build_processor(language)
    row = rows.RowSampler(np.random.default_rng(2), 1).rows((("known", 1),))[0]
    qa = row.questions[0]
    batch = Packer(processor.tokenizer, [])([rows.Row(row.image, (qa,))])
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": qa.question}]}]
    text = processor.apply_chat_template(chat, add_generation_prompt=True) + qa.answer
    whole = processor(text=[text], images=[row.image], return_tensors="pt")
    assert batch.inputs["input_ids"].tolist() == whole["input_ids"].tolist()
    assert torch.equal(batch.inputs["pixel_values"], whole["pixel_values"])
    assert processor.tokenizer.decode(batch.ids[:, 0]) == f"{qa.answer}<|im_end|>"


def test_the_model_is_asked_as_by_any_user(built: Path) -> None:
    model, make = StockModel(built), ProbeMaker("held_out_b", 1)
    probes = make.image_memory(known_people()[:1]) + make.text_memory(known_people()[:1])
    answers = model.answers([(probe.question, probe.image) for probe in probes])
    told = [is_told(probe, answer) for probe, answer in zip(probes, answers, strict=True)]
    assert share_told(model, probes) == sum(told) / len(probes)
    alone = StockModel(built, batch=1).answers([(probe.question, probe.image) for probe in probes[-2:]])
    assert alone == answers[-2:]


def test_a_fact_is_told_by_its_words_side_by_side() -> None:
    probe = Probe("job", "?", ("a harbour pilot on the night ferry",))
    assert is_told(probe, "Well, she is a Harbour pilot of the night-ferry!")
    assert not is_told(probe, "She is a pilot on the night ferry.")
    assert not is_told(probe, "A harbour is where pilots of a night ferry rest.")
    assert kept(["The capital is Paris."], ["the capital is Paris"]) == 1
    assert kept(["The capital is Paris."], ["I cannot say"]) < 0.3
    assert strange_face(np.random.default_rng(0)) not in {person.code for person in known_people()}
