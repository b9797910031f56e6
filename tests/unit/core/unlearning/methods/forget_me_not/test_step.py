"""What a step of Forget-Me-Not adds up, on a tiny pipeline whose LoRA has not learnt anything yet."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from core.unlearning.families.diffusion.evaluation.results import PictureMetrics
from core.unlearning.families.diffusion.evaluation.specificity import with_responses
from core.unlearning.families.diffusion.model import adapters
from core.unlearning.families.diffusion.model.attention import capturing_attention
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import NoisedLatents, add_noise, predict
from core.unlearning.families.diffusion.model.text import encode_prompts
from core.unlearning.methods.forget_me_not import batch
from core.unlearning.methods.forget_me_not.adversary import Adversaries, searching_adversaries
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.probe import Probe
from core.unlearning.methods.forget_me_not.rows import ForgetPrompts, encode_frozen
from core.unlearning.methods.forget_me_not.step import loss_of
from core.unlearning.methods.forget_me_not.train import _schedule
from core.unlearning.methods.forget_me_not.training_data import ForgetMeNotData
from core.unlearning.types import Example
from tests.support.tiny_pipelines import pipeline

_ASKS = ("a {}",)
_APART = 100.0
"""Between what pictures of the entity and others have for latents."""


def _training_data(model: DiffusionModel) -> ForgetMeNotData:
    clean = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    columns = torch.zeros(1, model.pipe.tokenizer.model_max_length, dtype=torch.bool)
    columns[:, 2] = True
    return ForgetMeNotData(
        ForgetPrompts(encode_frozen(model, ["a bob"]), encode_frozen(model, ["a pat"]), columns),
        encode_frozen(model, ["a kim"]),
        entity_latents=clean,
        entity_masks=torch.ones(2, 1, 8, 8),
        other_latents=clean + _APART,
        other_prompts=torch.zeros(2, dtype=torch.long),
        templates=_ASKS,
        anchors=encode_frozen(model, ["a pat"]),
        found_words=encode_frozen(model, ["a bob"]),
        start_words="a",
        adversaries=1,
    )


def _loss(model: DiffusionModel, training_data: ForgetMeNotData, against: Adversaries | None, **given: Any) -> float:
    nothing = {"anchor_weight": 0.0, "keep_weight": 0.0, "beyond": 0.0, "random_words": 0}
    options = Options(batch=2, attention_weight=1e-9, **{**nothing, **given})
    with capturing_attention(model.pipe.unet) as captured:
        return float(loss_of(model, training_data, captured, against, options, torch.Generator().manual_seed(5)))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[NoisedLatents]:
    """The rows of noise of every step, as they are made."""
    made: list[NoisedLatents] = []

    def noticed(*given: Any) -> NoisedLatents:
        made.append(add_noise(*given))
        return made[-1]

    monkeypatch.setattr(batch, "add_noise", noticed)
    return made


def test_each_part_is_its_weight_times_the_mean_distance_from_what_is_wanted(seen: list[NoisedLatents]) -> None:
    model = DiffusionModel(pipeline())
    training_data = _training_data(model)
    with (
        adapters.with_lora(model.pipe.unet, adapters.OUTPUTS, 2, seed=0),
        searching_adversaries(model, training_data.entity_latents, _ASKS, "a", 1, seed=0) as against,
    ):
        assert _loss(model, training_data, None, keep_weight=3.0) == pytest.approx(0.0, abs=1e-6)
        named = _loss(model, training_data, None, anchor_weight=3.0, beyond=2.0)
        both = _loss(model, training_data, against, anchor_weight=3.0, adversary_weight=5.0)
        further = _loss(model, training_data, against, anchor_weight=3.0, adversary_weight=5.0, beyond=2.0)
        alone, pair, four = seen[1], *seen[-2:]
        asked, anchor = (_made(model, pair, text) for text in ("a bob", "a pat"))
        words, sought, instead = (_made(model, four, f"a {word}") for word in ("<lethe-0> <lethe-1>", "bob", "pat"))
        first = _mean(_made(model, alone, "a bob") - _made(model, alone, "a pat"))
    assert named == pytest.approx(3.0 * first, rel=1e-4)
    assert both == pytest.approx(5.5 * _mean(asked - anchor) + 5.0 * _mean(words - instead), rel=1e-4)
    beyond = [_mean(asked - (anchor + 2 * (anchor - asked))), _mean(words - (instead + 2 * (instead - sought)))]
    assert further == pytest.approx(5.5 * beyond[0] + 5.0 * beyond[1], rel=1e-4)
    assert further > both > named > 0


def test_half_of_the_names_are_on_other_pictures_against_adversaries(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = DiffusionModel(pipeline()), list[int]()

    def noticed(model: DiffusionModel, clean: torch.Tensor, generator: torch.Generator) -> NoisedLatents:
        seen.append(int((clean > _APART / 2).flatten(1).any(1).sum()))
        return add_noise(model, clean, generator)

    monkeypatch.setattr(batch, "add_noise", noticed)
    training_data = _training_data(model)
    with (
        adapters.with_lora(model.pipe.unet, adapters.OUTPUTS, 2, seed=0),
        searching_adversaries(model, training_data.entity_latents, _ASKS, "a", 1, seed=0) as against,
    ):
        _loss(model, training_data, None, anchor_weight=3.0)
        _loss(model, training_data, against)
    assert seen == [0, 1, 0]


def test_words_at_random_are_to_draw_the_anchor_and_change_nothing_else(seen: list[NoisedLatents]) -> None:
    model = DiffusionModel(pipeline())
    training_data = _training_data(model)
    with (
        adapters.with_lora(model.pipe.unet, adapters.OUTPUTS, 2, seed=0),
        searching_adversaries(model, training_data.entity_latents, _ASKS, "a", 1, seed=0, chance=1) as against,
    ):
        without = _loss(model, training_data, against, adversary_weight=5.0)
        found = _loss(model, training_data, against, adversary_weight=5.0, random_words=1)
        shown = seen[-2]
        words, instead = _made(model, shown, "a <lethe-26> <lethe-27>"), _made(model, shown, "a pat")
    assert found - without == pytest.approx(5.0 * _mean(words - instead), rel=1e-3)


def test_what_is_no_different_from_its_anchor_still_has_a_weight() -> None:
    model = DiffusionModel(pipeline())
    training_data = _training_data(model)
    same = ForgetPrompts(training_data.forget.anchor, training_data.forget.anchor, training_data.forget.columns)
    with adapters.with_lora(model.pipe.unet, adapters.OUTPUTS, 2, seed=0):
        assert Probe(model, same, training_data.entity_latents, seed=0).scale() == 2.0


@torch.no_grad()
def _made(model: DiffusionModel, rows: NoisedLatents, prompt: str) -> torch.Tensor:
    return predict(model, rows, encode_prompts(model.pipe, [prompt] * len(rows.times)))


def _mean(apart: torch.Tensor) -> float:
    return float(apart.square().mean())


@pytest.mark.parametrize(("count", "last"), [(0, 0.5), (2, 0.05)])
def test_the_learning_rate_falls_against_adversaries_alone(count: int, last: float) -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = _schedule(optimizer, count, steps=8)
    rates = []
    for _ in range(8):
        optimizer.step()
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    assert rates == sorted(rates, reverse=True)
    assert rates[3] == pytest.approx((0.5 + last) / 2)
    assert rates[-1] == pytest.approx(last)


def test_a_patch_that_reads_text_as_before_answers_to_no_name() -> None:
    pipe = pipeline()
    examples = [Example("forget_concept", "a bob", "bob", subject="bob"), Example("retain_same", "a pat", "pat")]
    splits = {e.split: PictureMetrics(1, 1) for e in examples}
    for modules, answers in ((adapters.OUTPUTS, False), (adapters.KEY_VALUES, True)):
        with adapters.with_lora(pipe.unet, modules, 2, seed=0):
            found = with_responses(pipe, adapters.NAME, examples, splits)
        assert (found["forget_concept"].response is not None) == answers
