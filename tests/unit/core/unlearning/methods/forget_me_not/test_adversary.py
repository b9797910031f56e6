"""Searches that go on beside the training, on a tiny pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import torch

from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.text import encode_prompts
from core.unlearning.methods.forget_me_not import adversary
from core.unlearning.methods.forget_me_not.adversary import Adversaries, searching_adversaries
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.rows import anchor_prompts
from core.unlearning.types import Entity, Example, JobData
from tests.support.tiny_pipelines import pipeline

_RANDOM = torch.Generator()


@contextmanager
def _searching(asks: Sequence[str], count: int, chance: int = 0) -> Iterator[Adversaries]:
    model = DiffusionModel(pipeline())
    _RANDOM.manual_seed(0)
    clean = torch.randn(2, 4, 8, 8, generator=_RANDOM)
    with searching_adversaries(model, clean, asks, "a", count, seed=0, chance=chance) as against:
        assert against is not None
        yield against


@pytest.mark.parametrize(("count", "batch"), [(3, 1), (2, 4)])
def test_every_adversary_gets_its_turn_whatever_the_batch(count: int, batch: int) -> None:
    with _searching(["a {}"], count) as against:
        before, _ = against.current_prompts(count * batch, _RANDOM)
        for _ in range(count):
            against.attack(batch, _RANDOM)
        after, _ = against.current_prompts(count * batch, _RANDOM)
    moved = (after.states - before.states).abs().amax((1, 2))
    assert bool((moved > 0).all())


def test_what_a_search_ended_with_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adversary, "_LIFE", 3)
    with _searching(["a {}"], 1) as against:
        against.attack(2, _RANDOM)
        against.attack(2, _RANDOM)
        first, _ = against.current_prompts(1, _RANDOM)
        monkeypatch.setattr(adversary, "_RATE", 0.0)
        for group in against._optimizer.param_groups:
            group["lr"] = 0.0
        against.attack(2, _RANDOM)  # It begins again, from where the second step has left it.
        rows, _ = against.current_prompts(4, _RANDOM)
    apart = (rows.states - first.states).abs().amax((1, 2))
    assert bool((apart[2:] == 0).all())
    assert bool((apart[:2] > 0).all())


def test_each_row_says_which_prompt_it_asks_with() -> None:
    asks = ["a {}", "see a {} here", "{}"]
    with _searching(asks, 1) as against:
        text, asked = against.current_prompts(8, _RANDOM)
        words = "<lethe-0> <lethe-1>"
        expected = encode_prompts(against._model.pipe, [asks[n].replace("{}", words) for n in asked.tolist()]).states
    torch.testing.assert_close(text.states, expected)


def test_words_at_random_are_new_ones_and_leave_the_searches_alone() -> None:
    with _searching(["a {}"], 1, chance=50) as against:
        table = against._model.pipe.text_encoder.get_input_embeddings().weight
        size, searched = float(table.square().mean().sqrt()), against.current_prompts(1, _RANDOM)[0].states
        first = against.random_prompts(_RANDOM)[0].states
        second, asked = against.random_prompts(_RANDOM)
        chance = against._vectors[0].detach()[-100:] / size
        assert torch.equal(against.current_prompts(1, _RANDOM)[0].states, searched)
    assert len(asked) == len(second.states) == 50
    assert bool(((second.states - first).abs().amax((1, 2)) > 0).all())
    sizes = chance.reshape(50, -1).square().mean(1).sqrt()
    assert bool((sizes > 0.5).all() and (sizes < 6).all())
    assert float(sizes.min()) < 2 < 3 < float(sizes.max())


def test_the_anchor_stands_where_the_words_of_a_search_do() -> None:
    model = DiffusionModel(pipeline())
    kept = tuple(Example("retain_same", f"a {name}", name) for name in ("pat", "kim"))
    data = JobData(kept, (), (), entity=Entity(None, "object"))
    made = anchor_prompts(model, ["see a {}", "{} here"], data, Options())
    expected = encode_prompts(model.pipe, ["see a pat", "pat here", "see a kim", "kim here"])
    torch.testing.assert_close(made.states, expected.states)
