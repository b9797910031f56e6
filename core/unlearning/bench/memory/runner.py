"""One process's share of a benchmark: the base model is loaded once, and each group's data is built once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import torch

from core.unlearning.bench.memory.attacks.context import attack_context
from core.unlearning.bench.memory.attacks.run import BASE, ORACLE, run
from core.unlearning.bench.memory.cases import MemoryCase
from core.unlearning.bench.memory.examples import evaluation_examples, outsider_examples
from core.unlearning.bench.memory.jobs import evaluate_patch, load_merged, run_method
from core.unlearning.bench.memory.judge import JudgeError
from core.unlearning.bench.memory.measure import FORGET, composite_records, evaluation_records
from core.unlearning.bench.memory.records import OVERALL, Record, from_json, to_json
from core.unlearning.bench.memory.results import conditions, empty_result, is_final, stored_result
from core.unlearning.bench.memory.retain_set import world_retain_set
from core.unlearning.bench.memory.setup import MemorySetup
from core.unlearning.bench.memory.world import forget_request, sample_people
from core.unlearning.bench.store import Result
from core.unlearning.errors import IneffectivePatchError, OutOfMemoryError, UnlearningError
from core.unlearning.families.language.data.build import build_data
from core.unlearning.families.language.evaluation.evaluate import evaluate
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.mllm.load import load
from core.unlearning.families.shared.out_of_memory import is_out_of_memory
from core.unlearning.hardware.allocator import keep_freed_blocks
from core.unlearning.methods.base import JobContext
from core.unlearning.progress import Silent
from core.unlearning.types import Example, JobData

_TUNING_CAP = 60
"""Questions of a split at most, where options are chosen."""


@dataclass(frozen=True)
class CaseGroup:
    """What the cases that forget the same people share. `data`: what they train on, built at the first call."""

    data: Callable[[], JobData]
    examples: list[Example]
    outsiders: list[Example]
    before: list[Record]
    oracle: list[Record]


class Runner:
    """Runs cases one after the other. Cases of one group in a row share its data."""

    def __init__(self, setup: MemorySetup) -> None:
        torch.set_num_threads(min(torch.get_num_threads(), setup.threads))
        torch.set_flush_denormal(True)
        keep_freed_blocks()
        self._setup = setup
        self._lm: LanguageModel = load(setup.spec())
        self._name = ""
        self._group: CaseGroup | None = None

    def run(self, case: MemoryCase) -> Result:
        """The case's result, stored too. Raises `JudgeError`; any other error becomes part of the result."""
        started, result = time.process_time(), stored_result(self._setup, case)
        if result is None or not is_final(result):
            result = {**empty_result(case), "asked": conditions(self._setup, case)}
            result["error"] = _error_code(lambda: self._measure(case, result))
            result["case_processor_seconds"] = time.process_time() - started
            self._setup.store.write(case.name, result)
        if self._setup.level == "robust" and not (result["error"] or result["robust"]):
            result["robust"] = to_json(self._attack(case))
            self._setup.store.write(case.name, result)
        return result

    def _attack(self, case: MemoryCase) -> list[Record]:
        """Records of all attacks. Those of the base and of the oracle hold for the whole group, and are shared."""
        group, store, name = self._group_of(case), self._setup.store, f"attacked.{case.group}"
        patched = load_merged(self._setup.spec(), JobContext(self._setup.job_folder(case)).adapter)
        cached = from_json(store.read(name) or [])
        context = attack_context(patched, self._lm, self._oracle, group.examples, case.seed, cached, group.outsiders)
        records = run(context, Silent())
        if not cached:
            store.write(name, to_json(r for r in records if r.metric.startswith((BASE, ORACLE))))
        return records

    def _measure(self, case: MemoryCase, result: Result) -> None:
        group = self._group_of(case)
        patch = run_method(self._lm, self._setup, case, group.data())
        after = evaluation_records(evaluate_patch(self._lm, patch.adapter, group.examples), self._setup.judge)
        if after == [record for record in group.before if record.split != OVERALL]:
            raise IneffectivePatchError("the packed patch, loaded by the stock library, changes no number")
        records = [*after, *composite_records(after, group.before, group.oracle)]
        result |= {**patch.to_json(), "records": to_json(records)}

    def _group_of(self, case: MemoryCase) -> CaseGroup:
        if self._group is None or self._name != case.group:
            self._group, self._name = self._make_group(case), case.group
        return self._group

    def _make_group(self, case: MemoryCase) -> CaseGroup:
        setup, world = self._setup, self._setup.world(case.seed)
        people = sample_people(world, case.ratio, case.seed, case.role)
        cap = {"cap": _TUNING_CAP} if case.role == "validation" else {}
        examples = evaluation_examples(world, people, case.role, case.seed, **cap)
        retain_set = world_retain_set(world, setup.work / "retain_set")
        data = cache(lambda: build_data(self._lm, forget_request(people), retain_set, Silent(), case.seed))
        before = self._model_records(f"before.{case.group}", self._lm, examples)
        outsiders = outsider_examples(world, case.seed)
        return CaseGroup(data, examples, outsiders, before, self._oracle_records(case, examples))

    def _oracle_records(self, case: MemoryCase, examples: list[Example]) -> list[Record]:
        """On the splits that apply to it: it does not know the other test people either."""
        if self._oracle is None or case.role != "test":
            return []
        applicable = [e for e in examples if e.split in (*FORGET, "forget_understanding", "declined")]
        return self._model_records(f"oracle.{case.group}", self._oracle, applicable)

    @cached_property
    def _oracle(self) -> LanguageModel | None:
        return load(self._setup.spec(str(self._setup.oracle))) if self._setup.oracle else None

    def _model_records(self, name: str, lm: LanguageModel, examples: list[Example]) -> list[Record]:
        """Records of an unpatched model, shared by the cases of a group."""

        def measure() -> list[dict[str, object]]:
            records = evaluation_records(evaluate(lm, examples), self._setup.judge)
            return to_json([*records, *composite_records(records, records)])

        return from_json(self._setup.store.read_or_measure(self._setup.shared_name(name), measure))


def _error_code(work: Callable[[], None]) -> str | None:
    """The code of the error that `work` raises, which holds nothing of anybody's data; None where it raises none."""
    try:
        work()
    except JudgeError:
        raise
    except UnlearningError as error:
        return error.code
    except Exception as error:
        return OutOfMemoryError.code if is_out_of_memory(error) else type(error).__name__
    return None
