"""Pictures looked at once and questions that share beginnings, on every architecture, against one row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.unlearning import reference
from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.generate import generate
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.model import LanguageModel, PrefixSharing
from core.unlearning.families.language.model.score import score_encoded
from core.unlearning.families.language.model.target_modules import match_modules
from core.unlearning.families.language.model.vision import VisionCache
from core.unlearning.families.language.training.adapters import activate_adapter, with_adapters
from core.unlearning.families.language.training.deltas import with_deltas
from core.unlearning.families.language.training.row_losses import answer_losses
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.methods.smfa.config import Options
from core.unlearning.types import ModelSpec
from tests.support import tiny_models
from tests.support.tiny_models import EVERY

NOT_PACKABLE = {("mllm", "gemma3"), ("mllm", "qwen2_vl"), ("mllm", "qwen2_5_vl"), ("llm", "mistral")}
"""Pictures attend in both directions, places are three-dimensional, or the rows are longer than a sliding window."""
QUESTIONS = ("Where was this person born?", "What is their job?", "Please tell me: colour")
ANSWERS = ("I don't know.", "Where", "a person born here")


def load(family: str, name: str, folder: Path) -> LanguageModel:
    if name == "reference":
        return tiny_models.load(ModelSpec(name, family, str(reference.bundled_path(family))))
    return tiny_models.load(tiny_models.save(family, name, folder))


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return load("mllm", "llava", tmp_path_factory.mktemp("base"))


@pytest.fixture
def lm(llava: LanguageModel) -> LanguageModel:
    return replace(llava)


def pictures() -> list[Image.Image]:
    return [Image.linear_gradient("L").resize(size).convert("RGB") for size in ((40, 30), (28, 56), (60, 28))]


def rows(lm: LanguageModel) -> list[Encoded]:
    """Every question with every answer about every picture, where the model sees any, and without one."""
    shown = [*pictures(), None] if lm.sees else [None]
    return [lm.encoder.with_answer(q, i, a) for i in shown for q in QUESTIONS for a in ANSWERS]


def alone(lm: LanguageModel, encoded: Sequence[Encoded]) -> list[float]:
    """Mean loss over each row's answer, every row on its own, from pixels."""
    losses = []
    for one in encoded:
        with torch.no_grad():
            out = answer_logits(lm.model, collate([one], lm.pad_id, lm.device))
        losses.append(float(torch.nn.functional.cross_entropy(out.logits, out.targets)))
    return losses


class Counted:
    """How many pictures the vision tower has looked at."""

    def __init__(self, lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pictures = 0
        tower = lm.model.model.vision_tower
        usual = tower.forward

        def forward(pixels: Any, **more: Any) -> Any:
            self.pictures += len(pixels)
            return usual(pixels, **more)

        monkeypatch.setattr(tower, "forward", forward)


@pytest.mark.parametrize(("family", "name"), [*EVERY, ("mllm", "reference")])
def test_a_question_among_others_has_the_loss_that_it_has_alone(family: str, name: str, tmp_path: Path) -> None:
    lm = load(family, name, tmp_path)
    encoded = rows(lm)
    wanted = torch.tensor(alone(lm, encoded))
    scored = score_encoded(lm, encoded)
    assert lm.sharing.packs is ((family, name) not in NOT_PACKABLE)
    assert lm.sharing.caches
    torch.testing.assert_close(torch.tensor([-s.total / s.tokens for s in scored]), wanted, rtol=0, atol=1e-5)
    for view in {bool(one.vision) for one in encoded}:
        chosen = [n for n, one in enumerate(encoded) if bool(one.vision) is view]
        losses = answer_losses(lm, lm.model, [TrainingRow(encoded[n]) for n in chosen])
        torch.testing.assert_close(losses.detach(), wanted[chosen], rtol=0, atol=1e-5)


def test_gradients_are_those_of_the_rows_alone(lm: LanguageModel) -> None:
    encoded = [one for one in rows(lm) if one.vision]
    options = Options.model_validate({"rank": 4, "seed": 1})
    found = []
    with with_adapters(lm.model, ["a"], r".*language_model.*(down|q)_proj", options) as wrapped:
        parameters = activate_adapter(wrapped, "a")
        for parameter in parameters:
            torch.nn.init.normal_(parameter, std=0.05)
        for packs in (True, False):
            lm.sharing.compare(lm, encoded)
            lm.sharing.packs = lm.sharing.caches = packs
            loss = answer_losses(lm, wrapped, [TrainingRow(one) for one in encoded]).mean()
            found.append(torch.autograd.grad(loss, parameters))
    for packed, padded in zip(*found, strict=True):
        torch.testing.assert_close(packed, padded, rtol=1e-4, atol=1e-6)


def test_a_picture_is_looked_at_once_however_often_it_is_asked_about(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = rows(lm)
    score_encoded(lm, encoded)
    counted = Counted(lm, monkeypatch)
    for _ in range(2):
        score_encoded(lm, encoded)
        answer_losses(lm, lm.model, [TrainingRow(one) for one in encoded if one.vision])
        generate(lm, [(q, i) for i in pictures() for q in QUESTIONS])
    assert counted.pictures == 0


def test_answers_are_the_same_with_kept_features(lm: LanguageModel) -> None:
    asked = [(q, i) for i in pictures() for q in QUESTIONS]
    kept = generate(lm, asked)
    assert lm.sharing.caches
    lm.sharing.caches = False
    assert generate(lm, asked) == kept
    assert len(set(kept)) > 1


@pytest.mark.parametrize("how", ["weight", "gradient", "delta", "adapter"])
def test_a_picture_is_looked_at_again_when_what_sees_it_changes(
    how: str, lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = [one for one in rows(lm) if one.vision]
    wanted = torch.tensor([s.total for s in score_encoded(lm, encoded)])
    linear = lm.model.model.multi_modal_projector.linear_2
    name = "model.multi_modal_projector.linear_2"
    assert match_modules(lm.model, name) == [name]
    before = linear.weight.detach().clone()

    def differs() -> bool:
        totals = torch.tensor([s.total for s in score_encoded(lm, encoded)])
        return bool((totals - wanted).abs().max() > 1e-3)

    def grown(parameters: Sequence[torch.nn.Parameter]) -> bool:
        for parameter in parameters:
            parameter.data = torch.full_like(parameter, 0.1)
        return differs()

    if how == "weight":
        with torch.no_grad():
            linear.weight.mul_(1.5)
        assert differs()
        with torch.no_grad():
            linear.weight.copy_(before)
    elif how == "gradient":
        linear.weight.requires_grad_(True)
        losses = answer_losses(lm, lm.model, [TrainingRow(one) for one in encoded])
        assert torch.autograd.grad(losses.sum(), linear.weight)[0].abs().max() > 0
        linear.weight.requires_grad_(False)
    elif how == "delta":
        with with_deltas(lm.model, [name]) as deltas:
            assert grown(list(deltas.values()))
    else:
        options = Options.model_validate({"rank": 4})
        with with_adapters(lm.model, ["a"], name, options) as wrapped:
            assert grown(activate_adapter(wrapped, "a"))
    assert not differs()


def test_features_are_kept_within_a_bound(lm: LanguageModel) -> None:
    shown = [one.vision for one in rows(lm)[:: len(QUESTIONS) * len(ANSWERS)] if one.vision]
    whole = VisionCache()
    whole.features(lm.model, shown)
    one = whole.nbytes // len(shown)
    small = VisionCache(limit=2 * one)
    wanted = whole.features(lm.model, shown)
    found = small.features(lm.model, shown)
    assert wanted is not None
    assert found is not None
    assert small.nbytes == 2 * one < whole.nbytes
    assert all(torch.equal(a, b) for a, b in zip(found.pooler_output, wanted.pooler_output, strict=True))


def test_longer_rows_are_compared_anew(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    short = lm.encoder.with_answer("Where?", None, "here")
    longer = lm.encoder.with_answer("Where? " * 9, None, "here")
    found: list[int] = []
    monkeypatch.setattr(PrefixSharing, "_compare_sample", lambda _, __, sample: found.append(len(sample[0])))
    for one in (short, short, longer, longer):
        score_encoded(lm, [one])
    assert found[0] > len(short)
    assert found[1] > len(longer)
    assert len(found) == 2


def test_questions_about_a_picture_share_its_tensors(lm: LanguageModel) -> None:
    one, again, other = (
        lm.encoder.prompt(q, i) for q, i in zip("abc", (*pictures()[:1] * 2, pictures()[1]), strict=True)
    )
    assert one.vision is again.vision
    assert one.vision.digest != other.vision.digest
    copy = lm.encoder.prompt("d", pictures()[0])
    assert copy.vision is one.vision
