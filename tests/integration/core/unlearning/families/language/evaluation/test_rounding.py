"""Rounding and teaching again find the language model of every architecture, and leave it as it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.unlearning.families.language.evaluation.quantise import quantised_linears
from core.unlearning.families.language.evaluation.relearn import RelearnSettings, relearn
from core.unlearning.families.language.model.target_modules import default_targets, match_modules
from core.unlearning.families.language.training.row_losses import answer_losses
from core.unlearning.families.language.training.rows import answer_rows
from core.unlearning.types import Example
from tests.support.tiny_models import EVERY, load, save

FACTS = [Example("forget_text_memory", f"Where is {name}?", f"In {name}land.", None, name) for name in "ABCD"]


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_what_an_adapter_may_change_is_rounded_and_taught(family: str, name: str, tmp_path: Path) -> None:
    lm = load(save(family, name, tmp_path))
    before = {key: value.clone() for key, value in lm.model.state_dict().items()}
    head = lm.model.get_output_embeddings().weight.clone()
    with quantised_linears(lm.model, 4):
        changed = {key for key, value in lm.model.state_dict().items() if not torch.equal(value, before[key])}
        assert changed == {f"{linear}.weight" for linear in match_modules(lm.model, default_targets(lm.model))}
        assert torch.equal(lm.model.get_output_embeddings().weight, head)
    taught: list[float] = []

    def loss(examples: Sequence[Example]) -> Tensor:
        found = answer_losses(lm, lm.model, answer_rows(lm, examples)).mean()
        taught.append(float(found.detach()))
        return found

    relearn(lm, lm.model, loss, FACTS[:2], FACTS[2:], RelearnSettings(steps=8, lr=1e-2))
    assert taught[-1] < taught[0] / 2
    assert all(torch.equal(value, before[key]) for key, value in lm.model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in lm.model.parameters())
