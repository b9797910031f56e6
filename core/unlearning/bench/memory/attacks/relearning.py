"""Relearning attack: recall of forgotten facts after fine-tuning on some of the others, or on unrelated facts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.unlearning.bench.memory.attacks.context import AttackContext, evenly_spaced, non_member_facts
from core.unlearning.bench.memory.records import OVERALL, Record
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.language.evaluation.relearn import Recovery, RelearnSettings, relearn, split_facts
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import answer_losses
from core.unlearning.families.language.training.rows import answer_rows
from core.unlearning.families.language.training.sampling import micro_batches
from core.unlearning.progress import Progress
from core.unlearning.types import Example

SHARES = (5, 10, 20, 30)
"""Per cent of the forgotten facts that are trained on. Recall is of the facts outside the largest share."""
_MICRO_BATCH = 64


def records(lm: LanguageModel, context: AttackContext, progress: Progress) -> list[Record]:
    """Recall of the held-out facts before, after each share and after unrelated facts. Empty for fewer than two."""
    teaching = RelearnSettings(seed=context.seed)
    recoveries: dict[str, Recovery] = {}
    try:
        _, held_out = split_facts(context.facts, max(SHARES) / 100, context.seed)
    except ValueError:
        progress.log("relearning is not measured: there are fewer than two forgotten facts")
        held_out = []
    if held_out:
        training = {f"{share}": split_facts(context.facts, share / 100, context.seed)[0] for share in SHARES}
        training["unrelated"] = evenly_spaced(unrelated_facts(context), len(training[f"{max(SHARES)}"]))
        recoveries = {name: _recovery(lm, facts, held_out, teaching) for name, facts in training.items() if facts}
    progress.step()
    before = [Record(OVERALL, "relearned_0", one.before, one.asked) for one in list(recoveries.values())[:1]]
    return [*before, *(Record(OVERALL, f"relearned_{name}", one.after, one.asked) for name, one in recoveries.items())]


def unrelated_facts(context: AttackContext) -> list[Example]:
    """Facts that are new to the model, or else facts about other people that it knows."""
    return [e for split in FORGET_MEMORY for e in non_member_facts(context, split)] or list(context.other_people)


def _recovery(lm: LanguageModel, facts: list[Example], held_out: list[Example], teaching: RelearnSettings) -> Recovery:
    torch.manual_seed(teaching.seed)
    return relearn(lm, lm.model, lambda batch: mean_answer_loss(lm, batch), facts, held_out, teaching)


def mean_answer_loss(lm: LanguageModel, batch: Sequence[Example]) -> Tensor:
    """Cross-entropy of the answers, the mean over the examples."""
    rows = answer_rows(lm, batch)
    return torch.cat([answer_losses(lm, lm.model, part) for part in micro_batches(rows, _MICRO_BATCH)]).mean()
