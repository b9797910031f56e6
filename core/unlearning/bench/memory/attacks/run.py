"""All probes of a patched model, beside the model that never learned and the one from before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from core.unlearning.bench.memory.attacks import (
    decoding,
    hidden_states,
    membership,
    prompt_attacks,
    quantisation,
    relearning,
)
from core.unlearning.bench.memory.attacks.context import Robust
from core.unlearning.bench.memory.records import Record, value
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.progress import Progress

PROBES: tuple[Callable[[MultimodalLM, Robust, Progress], list[Record]], ...] = (
    prompt_attacks.records,
    decoding.records,
    quantisation.records,
    relearning.records,
    hidden_states.records,
    membership.records,
)
BASE, ORACLE = "base_", "oracle_"
"""Before the names of what was measured of these two."""
_ABOVE = "_above_oracle"
_STEPS = len(prompt_attacks.FAMILIES) + len(PROBES) - 1


def steps(context: Robust) -> int:
    """How often `run` calls `progress.step()`."""
    oracle = _STEPS if context.oracle is not None and not _found(context, ORACLE) else 0
    base = 0 if _found(context, BASE) else len(prompt_attacks.FAMILIES)
    return _STEPS + oracle + base


def run(context: Robust, progress: Progress) -> list[Record]:
    """Everything of the patched model and of the oracle; of the base, what the attacks bring out before.

    An attack that gets nothing out of the base says nothing of the patched model either.
    """
    mine = measured(context.patched, context, progress)
    base, oracle = _found(context, BASE), _found(context, ORACLE)
    if not base:
        base = [_named(BASE, record) for record in prompt_attacks.records(context.base, context, progress)]
    if not oracle and context.oracle is not None:
        oracle = [_named(ORACLE, record) for record in measured(context.oracle, context, progress)]
    return [*mine, *base, *oracle, *_above(mine, oracle)]


def measured(lm: MultimodalLM, context: Robust, progress: Progress) -> list[Record]:
    """Every probe of one model."""
    return [record for records in PROBES for record in records(lm, context, progress)]


def _named(whose: str, record: Record) -> Record:
    return replace(record, metric=f"{whose}{record.metric}")


def _found(context: Robust, whose: str) -> list[Record]:
    return [r for r in context.found if r.metric.startswith(whose) and not r.metric.endswith(_ABOVE)]


def _above(mine: Sequence[Record], oracle: Sequence[Record]) -> Iterator[Record]:
    """How much more comes back by relearning than a model learns that never knew."""
    for record in mine:
        never = value(oracle, record.split, f"{ORACLE}{record.metric}")
        if record.metric.startswith("relearned_") and never is not None:
            yield replace(record, metric=f"{record.metric}{_ABOVE}", value=record.value - never)
