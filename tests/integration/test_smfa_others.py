"""What SMFA asks of the reference model: pictures of others by gradient, and how likely answers are of strangers."""

from __future__ import annotations

import random
from statistics import fmean

import numpy as np
import pytest
import torch
from PIL.Image import Image

from core.unlearning import reference
from core.unlearning.errors import InvalidInputError
from core.unlearning.families.base import load_family
from core.unlearning.families.mllm.acquaintances import NAME, acquaintance_rows
from core.unlearning.families.mllm.asker import Asker
from core.unlearning.families.mllm.batch import collate
from core.unlearning.families.mllm.evaluation.refusals import is_refusal
from core.unlearning.families.mllm.generate import generate, generate_encoded
from core.unlearning.families.mllm.imagined import imagine
from core.unlearning.families.mllm.limits import BY_LEVEL
from core.unlearning.families.mllm.model import MultimodalLM
from core.unlearning.methods.smfa.others import imagined_rows
from core.unlearning.methods.smfa.rows import erasure_rows
from core.unlearning.methods.smfa.strangers import Excess, counterfactuals, levels
from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import Code, random_scene
from core.unlearning.reference.mllm.people import known_people, never_trained_people
from core.unlearning.types import Entity, Example, ModelSpec

BORN = "Where was this person born?"
PERSON = known_people()[36]


@pytest.fixture(scope="module")
def lm() -> MultimodalLM:
    source = str(reference.bundled_path("mllm"))
    loaded: MultimodalLM = load_family("mllm").load(ModelSpec("reference", "mllm", source))
    return loaded


def _picture(code: Code, seed: int) -> Image:
    return draw_person(code, random_scene(np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def strangers() -> list[Image]:
    return [_picture(person.code, seed) for seed, person in enumerate(never_trained_people()[:8])]


def _declined(strangers: list[Image]) -> list[Example]:
    return [Example("declined", BORN, "I do not know.", image) for image in strangers]


def test_strangers_are_changed_until_they_are_taken_for_others(lm: MultimodalLM, strangers: list[Image]) -> None:
    assert all(is_refusal(said) for said in generate(lm, [(NAME, image) for image in strangers]))
    people = known_people()[10:18]
    before = lm.encoder.prompt(NAME, strangers[0]).vision["pixel_values"].clone()
    made = imagine(lm, NAME, [(image, p.name) for image, p in zip(strangers, people, strict=True)])
    wanted = {id(image): person for image, person in zip(strangers, people, strict=True)}
    assert len(made) >= 6
    assert generate_encoded(lm, [m.prompt(lm, NAME) for m in made]) == [wanted[id(m.start)].name for m in made]
    born = generate_encoded(lm, [m.prompt(lm, BORN) for m in made])
    assert fmean(wanted[id(m.start)].facts["city"] in said for m, said in zip(made, born, strict=True)) >= 0.5
    assert torch.equal(lm.encoder.prompt(NAME, strangers[0]).vision["pixel_values"], before)
    assert all(p.grad is None for p in lm.model.parameters())


def test_the_subjects_own_pictures_tell_who_looks_alike(lm: MultimodalLM) -> None:
    entity, limits = Entity(PERSON.name), BY_LEVEL["standard"]
    told = [Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, n)) for n in range(8)]
    found = acquaintance_rows(Asker(lm), entity, [BORN], [], told, limits, random.Random(0))
    named = {row.subject for row in found}
    assert named & {person.name for person in known_people()}
    assert PERSON.name not in named
    assert PERSON.facts["city"] not in {row.answer for row in found}
    assert acquaintance_rows(Asker(lm), entity, [BORN], [], [], limits, random.Random(0)) == []


def test_what_the_subject_would_tell_is_not_kept(lm: MultimodalLM, strangers: list[Image]) -> None:
    told = Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0), PERSON.name)
    other = known_people()[10]
    named = [Example("unseen_text_memory", f"What is {p.name}'s job?", p.facts["job"], None, p.name) for p in (other,)]
    rows = imagined_rows(lm, [told, *named, *_declined(strangers)], 6, soft=True, weight=2.0, rng=random.Random(0))
    ids = [row.encoded.input_ids[row.encoded.answer_start :] for row in rows]
    said = {text.strip() for text in lm.tokenizer.batch_decode(ids, skip_special_tokens=True)}
    assert other.name in said
    assert told.answer not in said
    assert {row.weight for row in rows} == {2.0}
    assert imagined_rows(lm, [told, *named], 6, soft=True, weight=2.0, rng=random.Random(0)) == []


def _log_p(lm: MultimodalLM, question: str, image: Image | None, answer: str) -> float:
    """From the logits of stock transformers, in float64."""
    row = lm.encoder.with_answer(question, image, answer)
    with torch.no_grad():
        logits = lm.model(**collate([row], lm.pad_id, lm.device).inputs).logits[0].double().numpy()
    at = np.arange(row.answer_start, len(row))
    before = logits[at - 1]
    return float((before[np.arange(len(at)), row.input_ids.numpy()[at]] - np.log(np.exp(before).sum(1))).sum())


def test_the_level_is_that_of_the_stranger_who_would_be_told_least(lm: MultimodalLM, strangers: list[Image]) -> None:
    pictured = Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0))
    named = Example("forget_text_memory", f"What is {PERSON.name}'s job?", PERSON.facts["job"], None, PERSON.name)
    declined = [*_declined(strangers[:3]), Example("declined", "What is Nobody Here's pet?", "", None, "Nobody Here")]
    found = levels(lm, counterfactuals([pictured, named], declined, random.Random(0)))
    about = min(_log_p(lm, BORN, image, pictured.answer) for image in strangers[:3])
    by_name = _log_p(lm, "What is Nobody Here's job?", None, named.answer)
    assert found == pytest.approx([about, by_name], abs=1e-3)
    assert levels(lm, counterfactuals([named], [], random.Random(0))) == [None]


def test_excess_is_what_the_subject_is_told_beyond_strangers(lm: MultimodalLM, strangers: list[Image]) -> None:
    told = Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0))
    assert Excess(lm, [told], _declined(strangers), 0).left() == 1.0
    assert Excess(lm, [told], _declined(strangers), 0).left(images=False) == 0.0
    itself = [Example("declined", BORN, "I do not know.", told.image)]
    assert Excess(lm, [told], itself, 0).left() == 0.0


def test_erasure_needs_somebody_unknown(lm: MultimodalLM) -> None:
    told = Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0))
    with pytest.raises(InvalidInputError, match="retain set"):
        erasure_rows(lm, [told], [], 0.3, random.Random(0))
