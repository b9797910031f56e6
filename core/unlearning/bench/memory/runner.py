"""One process's share of a benchmark: the base model is loaded once, and what cases have in common is made once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import torch

from core.unlearning.bench.memory.attacks.context import attack_context
from core.unlearning.bench.memory.attacks.run import BASE, ORACLE, run
from core.unlearning.bench.memory.cases import Case
from core.unlearning.bench.memory.examples import asked, told_of_nobody
from core.unlearning.bench.memory.jobs import ADAPTER, measure_packed, merged, run_method
from core.unlearning.bench.memory.judge import JudgeError
from core.unlearning.bench.memory.measure import FORGET, composed, records_of
from core.unlearning.bench.memory.records import OVERALL, Record, from_json, to_json
from core.unlearning.bench.memory.results import Result, kept, new_result, path_of, stands, write
from core.unlearning.bench.memory.results import asked as what_is_asked
from core.unlearning.bench.memory.retain_set import retain_set_of
from core.unlearning.bench.memory.setup import Setup
from core.unlearning.bench.memory.world import drawn, request_of
from core.unlearning.errors import IneffectivePatchError, OutOfMemoryError, UnlearningError
from core.unlearning.families.mllm.data.build import build_data
from core.unlearning.families.mllm.evaluation.evaluate import evaluate
from core.unlearning.families.mllm.load import load
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.shared.out_of_memory import is_out_of_memory
from core.unlearning.hardware.allocator import keep_blocks
from core.unlearning.progress import Silent
from core.unlearning.types import Example, JobData

_TUNING_CAP = 60
"""Questions of a split, where options are chosen."""


@dataclass(frozen=True)
class Group:
    """What the cases have in common that forget the same people. `data`: what they train on, made at the first call."""

    data: Callable[[], JobData]
    asked: list[Example]
    outsiders: list[Example]
    before: list[Record]
    oracle: list[Record]


class Runner:
    """Runs cases one after the other, best in the order of their groups."""

    def __init__(self, setup: Setup) -> None:
        torch.set_num_threads(min(torch.get_num_threads(), setup.threads))
        torch.set_flush_denormal(True)
        keep_blocks()
        self._setup = setup
        self._lm: MultimodalLM = load(setup.spec())
        self._name = ""
        self._group: Group | None = None

    def run(self, case: Case) -> Result:
        """The case's result, in its file too. Raises `JudgeError`; what else goes wrong is in the result."""
        begun, result = time.process_time(), kept(self._setup, case)
        if result is None or not stands(result):
            result = {**new_result(case), "asked": what_is_asked(self._setup, case)}
            result["error"] = _failure(lambda: self._measure(case, result))
            result["case_processor_seconds"] = time.process_time() - begun
            write(path_of(self._setup.work, case.name), result)
        if self._setup.level == "robust" and not (result["error"] or result["robust"]):
            result["robust"] = to_json(self._attacked(case))
            write(path_of(self._setup.work, case.name), result)
        return result

    def _attacked(self, case: Case) -> list[Record]:
        """What the robustness probes find. Of the base and of the oracle it is the same for the whole group."""
        group, path = self._group_of(case), path_of(self._setup.work, f"attacked.{case.group}")
        patched = merged(self._setup.spec(), self._setup.work / "patches" / case.name / ADAPTER)
        known = from_json(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []
        context = attack_context(patched, self._lm, self._oracle, group.asked, case.seed, known, group.outsiders)
        found = run(context, Silent())
        if not known:
            write(path, to_json(r for r in found if r.metric.startswith((BASE, ORACLE))))
        return found

    def _measure(self, case: Case, result: Result) -> None:
        group, folder = self._group_of(case), self._setup.work / "patches" / case.name
        done = run_method(self._lm, self._setup.spec(), case, group.data(), folder)
        after = records_of(measure_packed(self._lm, folder / ADAPTER, group.asked), self._setup.judge)
        if after == [record for record in group.before if record.split != OVERALL]:
            raise IneffectivePatchError("the packed patch, loaded by the stock library, changes no number")
        result |= {
            "seconds": done.seconds,
            "processor_seconds": done.processor_seconds,
            "bytes": done.size,
            "details": dict(done.details),
            "records": to_json([*after, *composed(after, group.before, group.oracle)]),
        }

    def _group_of(self, case: Case) -> Group:
        if self._group is None or self._name != case.group:
            self._group, self._name = self._make_group(case), case.group
        return self._group

    def _make_group(self, case: Case) -> Group:
        setup, world = self._setup, self._setup.world(case.seed)
        forgotten = drawn(world, case.ratio, case.seed, case.role)
        cap = {"cap": _TUNING_CAP} if case.role == "validation" else {}
        questions = asked(world, forgotten, case.role, case.seed, **cap)
        retain_set = retain_set_of(world, setup.work / "retain_set")
        data = cache(lambda: build_data(self._lm, request_of(forgotten), retain_set, Silent(), case.seed))
        before = self._shared(f"before.{case.group}", self._lm, questions)
        return Group(data, questions, told_of_nobody(world, case.seed), before, self._oracle_records(case, questions))

    def _oracle_records(self, case: Case, questions: list[Example]) -> list[Record]:
        """Of what it can be asked: it never met the people whom the others may know."""
        if self._oracle is None or case.role != "test":
            return []
        about = [e for e in questions if e.split in (*FORGET, "forget_understanding", "declined")]
        return self._shared(f"oracle.{case.group}", self._oracle, about)

    @cached_property
    def _oracle(self) -> MultimodalLM | None:
        return load(self._setup.spec(str(self._setup.oracle))) if self._setup.oracle else None

    def _shared(self, name: str, lm: MultimodalLM, questions: list[Example]) -> list[Record]:
        judge = self._setup.judge
        path = path_of(self._setup.work, f"{name}.judged" if judge else name)
        if not path.is_file():
            found = records_of(evaluate(lm, questions), judge)
            write(path, to_json([*found, *composed(found, found)]))
        return from_json(json.loads(path.read_text(encoding="utf-8")))


def _failure(work: Callable[[], None]) -> str | None:
    """What went wrong, as a code that says nothing of anybody's data."""
    try:
        work()
    except JudgeError:
        raise
    except UnlearningError as error:
        return error.code
    except Exception as error:
        return OutOfMemoryError.code if is_out_of_memory(error) else type(error).__name__
    return None
