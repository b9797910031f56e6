"""How much of what was forgotten comes back when a part of it is taught again, or something else is taught."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.unlearning.bench.memory.attacks.context import Robust, never_told, some
from core.unlearning.bench.memory.records import OVERALL, Record
from core.unlearning.families.mllm.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.mllm.evaluation.relearn import Recovery, Teaching, recovered, split_facts
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.training.row_losses import answer_losses
from core.unlearning.families.mllm.training.rows import answer_rows
from core.unlearning.families.mllm.training.sampling import micro_batches
from core.unlearning.progress import Progress
from core.unlearning.types import Example

SHARES = (5, 10, 20, 30)
"""Per cent of the forgotten facts. What is asked is always what even the largest share leaves out."""
_MICRO_BATCH = 64


def records(lm: MultimodalLM, context: Robust, progress: Progress) -> list[Record]:
    """Recall of the untaught facts at once, after each share, and after unrelated facts; none of fewer than two."""
    teaching = Teaching(seed=context.seed)
    found: dict[str, Recovery] = {}
    try:
        _, asked = split_facts(context.facts, max(SHARES) / 100, context.seed)
    except ValueError:
        progress.log("relearning is not measured: there are fewer than two forgotten facts")
        asked = []
    if asked:
        lessons = {f"{share}": split_facts(context.facts, share / 100, context.seed)[0] for share in SHARES}
        lessons["unrelated"] = some(unrelated(context), len(lessons[f"{max(SHARES)}"]))
        found = {name: _recovered(lm, taught, asked, teaching) for name, taught in lessons.items() if taught}
    progress.step()
    told = [Record(OVERALL, f"relearned_{name}", one.after, one.asked) for name, one in found.items()]
    at_once = [Record(OVERALL, "relearned_0", one.before, one.asked) for one in list(found.values())[:1]]
    return [*at_once, *told]


def unrelated(context: Robust) -> list[Example]:
    """Facts about people unknown to the model, which it has to learn; other people's where there are none."""
    return [e for split in FORGET_MEMORY for e in never_told(context, split)] or list(context.kept)


def _recovered(lm: MultimodalLM, taught: list[Example], asked: list[Example], teaching: Teaching) -> Recovery:
    torch.manual_seed(teaching.seed)
    return recovered(lm, lm.model, lambda batch: _loss(lm, batch), taught, asked, teaching)


def _loss(lm: MultimodalLM, batch: Sequence[Example]) -> Tensor:
    rows = answer_rows(lm, batch)
    return torch.cat([answer_losses(lm, lm.model, part) for part in micro_batches(rows, _MICRO_BATCH)]).mean()
