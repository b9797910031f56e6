"""Runs all probes on a patched model, on the oracle, and those by prompts on the base."""

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
from core.unlearning.bench.memory.attacks.context import AttackContext
from core.unlearning.bench.memory.records import Record, value
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.progress import Progress

PROBES: tuple[Callable[[LanguageModel, AttackContext, Progress], list[Record]], ...] = (
    prompt_attacks.records,
    decoding.records,
    quantisation.records,
    relearning.records,
    hidden_states.records,
    membership.records,
)
BASE, ORACLE = "base_", "oracle_"
"""Prefixes of metrics of the base and of the oracle."""
_ABOVE = "_above_oracle"
_STEPS = len(prompt_attacks.ATTACK_GROUPS) + len(PROBES) - 1


def steps(context: AttackContext) -> int:
    """How often `run` calls `progress.step()`."""
    oracle = _STEPS if context.oracle is not None and not _cached(context, ORACLE) else 0
    base = 0 if _cached(context, BASE) else len(prompt_attacks.ATTACK_GROUPS)
    return _STEPS + oracle + base


def run(context: AttackContext, progress: Progress) -> list[Record]:
    """All probes of the patched model and of the oracle; of the base the prompt attacks only.

    An attack that recovers nothing from the base says nothing about the patched model either.
    """
    patched = probe_model(context.patched, context, progress)
    base, oracle = _cached(context, BASE), _cached(context, ORACLE)
    if not base:
        base = [_prefixed(BASE, record) for record in prompt_attacks.records(context.base, context, progress)]
    if not oracle and context.oracle is not None:
        oracle = [_prefixed(ORACLE, record) for record in probe_model(context.oracle, context, progress)]
    return [*patched, *base, *oracle, *_above_oracle(patched, oracle)]


def probe_model(lm: LanguageModel, context: AttackContext, progress: Progress) -> list[Record]:
    """All probes of one model."""
    return [record for records in PROBES for record in records(lm, context, progress)]


def _prefixed(prefix: str, record: Record) -> Record:
    return replace(record, metric=f"{prefix}{record.metric}")


def _cached(context: AttackContext, prefix: str) -> list[Record]:
    return [r for r in context.cached if r.metric.startswith(prefix) and not r.metric.endswith(_ABOVE)]


def _above_oracle(patched: Sequence[Record], oracle: Sequence[Record]) -> Iterator[Record]:
    """Recall after relearning, minus the oracle's after the same training."""
    for record in patched:
        of_oracle = value(oracle, record.split, f"{ORACLE}{record.metric}")
        if record.metric.startswith("relearned_") and of_oracle is not None:
            yield replace(record, metric=f"{record.metric}{_ABOVE}", value=record.value - of_oracle)
