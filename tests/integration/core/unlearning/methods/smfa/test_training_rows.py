"""What SMFA asks of the reference model: pictures of others by gradient, and how likely answers are of strangers."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
import torch
from PIL.Image import Image

from core.unlearning import reference
from core.unlearning.errors import InvalidInputError
from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.families.language.data.acquaintances import NAME_QUESTION, acquaintance_rows
from core.unlearning.families.language.data.asker import Asker
from core.unlearning.families.language.data.facts import Contrast
from core.unlearning.families.language.data.gradient_images import (
    images_for_answers,
    images_for_first_tokens,
    likely_first_tokens,
)
from core.unlearning.families.language.limits import BY_LEVEL
from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.generate import generate, generate_encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.registry import load_family
from core.unlearning.methods.smfa import discovered_people
from core.unlearning.methods.smfa.controls import Excess, control_levels, with_controls
from core.unlearning.methods.smfa.discovered_people import discovered_people_examples
from core.unlearning.methods.smfa.forget_rows import erasure_rows
from core.unlearning.methods.smfa.gradient_image_rows import gradient_image_rows
from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import Code, random_scene
from core.unlearning.reference.mllm.people import Person, known_people, never_trained_people
from core.unlearning.types import Controls, Entity, Example, ModelSpec

BORN = "Where was this person born?"
PERSON = known_people()[36]


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    source = str(reference.bundled_path("mllm"))
    loaded: LanguageModel = load_family("mllm").load(ModelSpec("reference", "mllm", source))
    return loaded


def _picture(code: Code, seed: int) -> Image:
    return draw_person(code, random_scene(np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def strangers() -> list[Image]:
    return [_picture(person.code, seed) for seed, person in enumerate(never_trained_people()[:8])]


def _declined(strangers: list[Image]) -> list[Example]:
    return [Example("declined", BORN, "I do not know.", image) for image in strangers]


def test_strangers_are_changed_until_they_are_taken_for_others(lm: LanguageModel, strangers: list[Image]) -> None:
    assert all(is_refusal(said) for said in generate(lm, [(NAME_QUESTION, image) for image in strangers]))
    people = known_people()[10:18]
    before = lm.encoder.prompt(NAME_QUESTION, strangers[0]).vision["pixel_values"].clone()
    made = images_for_answers(lm, NAME_QUESTION, [(image, p.name) for image, p in zip(strangers, people, strict=True)])
    wanted = {id(image): person for image, person in zip(strangers, people, strict=True)}
    assert len(made) >= 6
    assert generate_encoded(lm, [m.prompt(lm, NAME_QUESTION) for m in made]) == [wanted[id(m.start)].name for m in made]
    born = generate_encoded(lm, [m.prompt(lm, BORN) for m in made])
    assert fmean(wanted[id(m.start)].facts["city"] in said for m, said in zip(made, born, strict=True)) >= 0.5
    assert torch.equal(lm.encoder.prompt(NAME_QUESTION, strangers[0]).vision["pixel_values"], before)
    assert all(p.grad is None for p in lm.model.parameters())


def test_the_subjects_own_pictures_tell_who_looks_alike(lm: LanguageModel) -> None:
    entity, limits = Entity(PERSON.name), BY_LEVEL["standard"]
    told = [Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, n)) for n in range(8)]
    contrast = Contrast(Asker(lm), Controls(), entity.names, random.Random(0))
    parts = acquaintance_rows(contrast, entity, [BORN], [], told, limits, random.Random(0))
    found = [row for rows in parts.values() for row in rows]
    named = {row.subject for row in found}
    assert named & {person.name for person in known_people()}
    assert PERSON.name not in named
    assert PERSON.facts["city"] not in {row.answer for row in found}
    nobody = acquaintance_rows(contrast, entity, [BORN], [], [], limits, random.Random(0))
    assert [*nobody.values()] == [[], [], []]


def test_some_of_whom_it_names_are_set_aside_where_no_retain_set_lists_people(
    lm: LanguageModel, strangers: list[Image]
) -> None:
    contrast = Contrast(Asker(lm), Controls(tuple(strangers)), [PERSON.name], random.Random(0))
    told = [Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0))]
    limits = BY_LEVEL["standard"]
    parts = acquaintance_rows(contrast, Entity(PERSON.name), [BORN], [], told, limits, random.Random(0))
    people = [{row.subject for row in parts[part]} for part in ("train", "validation", "test")]
    assert people[0]
    assert people[2], "to measure with"
    assert not any(people[a] & people[b] for a, b in ((0, 1), (0, 2), (1, 2)))


def test_what_the_subject_would_tell_is_not_kept(lm: LanguageModel, strangers: list[Image]) -> None:
    told = Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0), PERSON.name)
    other = known_people()[10]
    named = [Example("unseen_text_memory", f"What is {p.name}'s job?", p.facts["job"], None, p.name) for p in (other,)]
    rows = gradient_image_rows(
        lm,
        [told, *named, *_declined(strangers)],
        6,
        soft=True,
        weight=2.0,
        rng=random.Random(0),
        keep_shared_answers=False,
    )
    ids = [row.encoded.input_ids[row.encoded.answer_start :] for row in rows]
    said = {text.strip() for text in lm.tokenizer.batch_decode(ids, skip_special_tokens=True)}
    assert other.name in said
    assert told.answer not in said
    assert {row.weight for row in rows} == {2.0}
    assert (
        gradient_image_rows(
            lm, [told, *named], 6, soft=True, weight=2.0, rng=random.Random(0), keep_shared_answers=False
        )
        == []
    )


def test_pictures_of_strangers_keep_even_what_the_subject_shares(lm: LanguageModel, strangers: list[Image]) -> None:
    other = known_people()[10]
    told = Example("forget_image_memory", NAME_QUESTION, "nobody", _picture(PERSON.code, 0), PERSON.name)
    shared = replace(told, question=BORN, answer=other.facts["city"])
    named = Example("unseen_text_memory", f"What is {other.name}'s job?", other.facts["job"], None, other.name)

    def said(*, kept: bool) -> set[str]:
        train = [told, shared, named, *_declined(strangers)]
        rows = gradient_image_rows(lm, train, 9, soft=False, weight=1.0, rng=random.Random(0), keep_shared_answers=kept)
        ids = [row.encoded.input_ids[row.encoded.answer_start :] for row in rows]
        return {text.strip() for text in lm.tokenizer.batch_decode(ids, skip_special_tokens=True)}

    assert shared.answer in said(kept=True)
    assert shared.answer not in said(kept=False)


def test_pictures_are_changed_until_the_answer_begins_as_asked(lm: LanguageModel, strangers: list[Image]) -> None:
    asker, named = Asker(lm), [p.name for p in known_people()[:30]]
    barred = asker.refusal_openers([(NAME_QUESTION, image) for image in strangers], instead_of=named)
    tokens = likely_first_tokens(lm, NAME_QUESTION, strangers, len(strangers), barred)
    assert len({*tokens}) == len(strangers)
    assert not {*tokens} & {*barred}
    made = images_for_first_tokens(lm, NAME_QUESTION, strangers, tokens)
    wanted = {id(image): token for image, token in zip(strangers, tokens, strict=True)}
    said = generate_encoded(lm, [m.prompt(lm, NAME_QUESTION) for m in made])
    assert len(made) >= 3
    begun = [lm.encoder.answer_ids(NAME_QUESTION, answer, image=True)[0] for answer in said]
    assert begun == [wanted[id(m.start)] for m in made]


def _by_name(person: Person, called: str) -> list[Example]:
    wordings = {"city": "Where was {} born?", "job": "What is {}'s job?", "pet": "Which pet does {} have?"}
    return [
        Example("forget_text_memory", wording.format(called), person.facts[topic], None, called)
        for topic, wording in wordings.items()
    ]


def test_the_model_brings_up_people_whom_no_data_names(
    lm: LanguageModel, strangers: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovered_people, "_ROUNDS", 1)
    told = [Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, n)) for n in range(4)]
    train = [*told, *_by_name(PERSON, PERSON.name), *_declined(strangers)]
    found = discovered_people_examples(lm, train, 16, random.Random(0))
    known = {person.name: person for person in known_people()}
    named = {row.subject for row in found} & {*known}
    assert named
    assert PERSON.name not in named
    right = [row.answer in known[row.subject].facts.values() for row in found if row.subject in known]
    assert fmean(right) > 0.9
    already = [Example("unseen_text_memory", "", "", None, name) for name in sorted(filter(None, named))]
    again = {row.subject for row in discovered_people_examples(lm, [*train, *already], 16, random.Random(0))} & {*known}
    assert named < again
    assert discovered_people_examples(lm, [*told, *_declined(strangers)], 16, random.Random(0)) == []


def test_another_name_of_the_subject_is_not_kept(
    lm: LanguageModel, strangers: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovered_people, "_ROUNDS", 0)
    other = known_people()[10]
    told = Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0))
    known = Example("unseen_text_memory", "", "", None, other.name)
    for whose, kept in ((PERSON, True), (other, False)):
        train = [told, *_by_name(whose, PERSON.name), known, *_declined(strangers)]
        found = discovered_people_examples(lm, train, 1, random.Random(0))
        assert (other.name in {row.subject for row in found}) is kept


def _log_p(lm: LanguageModel, question: str, image: Image | None, answer: str) -> float:
    """From the logits of stock transformers, in float64."""
    row = lm.encoder.with_answer(question, image, answer)
    with torch.no_grad():
        logits = lm.model(**collate([row], lm.pad_id, lm.device).inputs).logits[0].double().numpy()
    at = np.arange(row.answer_start, len(row))
    before = logits[at - 1]
    return float((before[np.arange(len(at)), row.input_ids.numpy()[at]] - np.log(np.exp(before).sum(1))).sum())


def test_the_level_is_that_of_the_stranger_who_would_be_told_least(lm: LanguageModel, strangers: list[Image]) -> None:
    pictured = Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0))
    named = Example("forget_text_memory", f"What is {PERSON.name}'s job?", PERSON.facts["job"], None, PERSON.name)
    controls = Controls(tuple(strangers[:3]), ("Nobody Here",))
    found = control_levels(lm, with_controls([pictured, named], controls, random.Random(0), 6))
    about = min(_log_p(lm, BORN, image, pictured.answer) for image in strangers[:3])
    by_name = _log_p(lm, "What is Nobody Here's job?", None, named.answer)
    assert found == pytest.approx([about, by_name], abs=1e-3)
    assert control_levels(lm, with_controls([named], Controls(), random.Random(0), 6)) == [None]


def test_excess_is_what_the_subject_is_told_beyond_strangers(lm: LanguageModel, strangers: list[Image]) -> None:
    told = Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0))
    assert told.image
    assert Excess(lm, [told], Controls(tuple(strangers)), 0).share_left() == 1.0
    assert Excess(lm, [told], Controls(tuple(strangers)), 0).share_left(images=False) == 0.0
    assert Excess(lm, [told], Controls((told.image,)), 0).share_left() == 0.0


def test_erasure_needs_somebody_unknown(lm: LanguageModel) -> None:
    told = Example("forget_image_memory", BORN, PERSON.facts["city"], _picture(PERSON.code, 0))
    with pytest.raises(InvalidInputError, match="retain set"):
        erasure_rows(lm, [told], Controls(), 0.3, random.Random(0))
