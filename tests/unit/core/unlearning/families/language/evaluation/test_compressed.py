"""Rounding weights and teaching again: the numbers are right, and the model is left as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from core.unlearning.families.language.evaluation.evaluate import evaluate
from core.unlearning.families.language.evaluation.quantise import quantised_linears, round_to_nearest, round_to_nf4
from core.unlearning.families.language.evaluation.relearn import RelearnSettings, relearn_share, split_facts
from core.unlearning.families.language.model.answerer import AnswerScore
from core.unlearning.types import Example

FACTS = [
    Example("forget_text_memory", f"{wording} {n}", f"answer{n}", None, "Ada")
    for n in range(10)
    for wording in ("what is", "tell me")
]


class Tiny(nn.Module):
    """Questions by number to answers by number, with a head outside the language model."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        layers = nn.ModuleList([nn.Linear(10, 32), nn.Linear(32, 10)])
        embedding = nn.Embedding.from_pretrained(torch.eye(10))
        self.language_model = nn.ModuleDict({"embed_tokens": embedding, "layers": layers})
        self.lm_head = nn.Linear(10, 10)
        with torch.no_grad():
            self.lm_head.weight.copy_(torch.eye(10))
            self.lm_head.bias.zero_()

    def forward(self, numbers: Tensor) -> Tensor:
        first, second = self.language_model["layers"]
        logits: Tensor = self.lm_head(second(torch.tanh(first(self.get_input_embeddings()(numbers)))))
        return logits

    def get_input_embeddings(self) -> nn.Module:
        embedding: nn.Module = self.language_model["embed_tokens"]
        return embedding


class TinyAnswerer:
    """Answers "answer<n>" for the question that ends in n."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def logits(self, asked: Sequence[Example]) -> Tensor:
        found: Tensor = self.model(torch.tensor([int(re.findall(r"\d", e.question)[0]) for e in asked]))
        return found

    def generate(self, asked: Sequence[Example]) -> list[str]:
        return [f"answer{n}" for n in self.logits(asked).argmax(dim=1).tolist()]

    def score(self, asked: Sequence[Example]) -> list[AnswerScore]:
        return [AnswerScore(-1.0, 1) for _ in asked]

    def loss(self, asked: Sequence[Example]) -> Tensor:
        return nn.functional.cross_entropy(self.logits(asked), torch.tensor([int(e.answer[6:]) for e in asked]))


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(model: nn.Module, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.fixture(params=[False, True], ids=["subnormals", "flushed"])
def _flushing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Workers flush subnormal numbers to zero."""
    torch.set_flush_denormal(request.param)
    yield
    torch.set_flush_denormal(False)


@pytest.mark.usefixtures("_flushing")
@pytest.mark.parametrize("bits", [4, 8])
def test_rounding_agrees_with_numpy_in_float64(bits: int) -> None:
    weight = torch.randn(17, 33, generator=torch.Generator().manual_seed(1))
    weight[3] = 0
    exact = weight.double().numpy()
    top = 2 ** (bits - 1) - 1
    expected = np.zeros_like(exact)
    for row, values in enumerate(exact):
        step = np.abs(values).max() / top
        if step:
            expected[row] = np.round(values / step) * step
    assert np.allclose(round_to_nearest(weight, bits).numpy(), expected, atol=1e-6)
    assert max(len(np.unique(row)) for row in round_to_nearest(weight, bits).numpy()) <= 2 * top + 1


NF4 = (
    *(-1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0),
    *(0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0),
)
"""Dettmers et al., 2023, appendix E."""


@pytest.mark.parametrize("shape", [(4, 128), (8, 96), (5, 33)])
def test_nf4_takes_the_nearest_of_sixteen_in_each_block(shape: tuple[int, int]) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    flat = weight.double().numpy().ravel()
    expected = []
    for block in (flat[start : start + 64] for start in range(0, len(flat), 64)):
        scale = np.abs(block).max()
        nearest = np.abs((block / scale)[:, None] - np.asarray(NF4)).argmin(axis=1)
        expected.append(np.asarray(NF4)[nearest] * scale)
    assert np.allclose(round_to_nf4(weight).numpy().ravel(), np.concatenate(expected), atol=2e-6)


def test_nf4_says_why_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotImplementedError, match="not installed"):
        round_to_nf4(torch.ones(2, 64))


def test_only_the_language_model_is_rounded_and_comes_back() -> None:
    model = Tiny()
    before = state(model)
    with quantised_linears(model, 4) as count:
        assert count == 2
        first = "language_model.layers.0.weight"
        assert torch.equal(model.state_dict()[first], round_to_nearest(before[first], 4))
        assert torch.equal(model.lm_head.weight, before["lm_head.weight"])
    assert same(model, before)


def test_an_adapter_is_merged_before_rounding() -> None:
    model = get_peft_model(
        Tiny(), LoraConfig(r=2, target_modules=r"language_model\.layers\.\d", init_lora_weights=False)
    )
    before = state(model)
    merged = state(model.merge_adapter() or model)
    model.unmerge_adapter()
    name = "base_model.model.language_model.layers.0.base_layer.weight"
    model.load_state_dict(before)
    with quantised_linears(model, 8) as count:
        assert count == 2
        assert torch.allclose(model.state_dict()[name], round_to_nearest(merged[name], 8), atol=1e-6)
    assert same(model, before)


def test_an_error_inside_restores_too() -> None:
    model = Tiny()
    before = state(model)
    with pytest.raises(RuntimeError), quantised_linears(model, 4):
        raise RuntimeError
    assert same(model, before)


def test_thorough_asks_the_rounded_model() -> None:
    model = Tiny()
    with torch.no_grad():
        first, second = model.language_model["layers"]
        first.weight.zero_()
        first.weight[:10] = torch.eye(10) * 4
        first.bias.zero_()
        second.bias.zero_()
        second.weight.zero_()
        # Two answers a hair apart: the right one wins by a margin that 4 bits cannot hold and 8 bits can.
        second.weight[:, :10] = torch.eye(10) * 0.04 + torch.full((10, 10), 1.0)
    found = evaluate(TinyAnswerer(model), FACTS, level="thorough", model=model)
    recall = {check.check: check.exact for check in found.robustness}
    assert found.value("forget_text_memory", "exact") == recall["int8"] == 1.0
    assert recall["int4"] == pytest.approx(0.1)


def test_facts_are_cut_whole() -> None:
    taught, asked = split_facts(FACTS, 0.3, seed=1)
    assert len(taught) == 6
    assert {e.answer for e in taught}.isdisjoint(e.answer for e in asked)
    assert len(taught) + len(asked) == len(FACTS)
    with pytest.raises(ValueError, match="two forgotten facts"):
        split_facts(FACTS[:2], 0.3, seed=1)


def _trained(model: Tiny) -> TinyAnswerer:
    answerer = TinyAnswerer(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        answerer.loss(FACTS).backward()
        optimiser.step()
    return answerer


def test_what_was_hidden_comes_back_and_what_was_never_known_does_not() -> None:
    hidden = _trained(Tiny())
    with torch.no_grad():
        hidden.model.language_model["layers"][1].bias[9] += 10  # one answer drowns the others
    before = state(hidden.model)
    found = relearn_share(hidden, hidden.model, hidden.loss, FACTS, teaching=RelearnSettings(steps=100, lr=0.02))
    assert found.before < 0.4
    assert found.after > 0.7
    assert (found.taught, found.asked) == (6, 14)
    assert same(hidden.model, before)
    fresh = TinyAnswerer(Tiny())
    assert (
        relearn_share(fresh, fresh.model, fresh.loss, FACTS, teaching=RelearnSettings(steps=100, lr=0.02)).after < 0.2
    )
