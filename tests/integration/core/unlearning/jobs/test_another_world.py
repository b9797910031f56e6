"""A job on a small model of another world, which answers in sentences and makes things up about strangers: judged from
outside, on the packed patch as stock PEFT loads it, in wordings that the job never saw.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.unlearning.errors import InvalidInputError
from core.unlearning.evaluation.answers.judge import judge_answer
from core.unlearning.jobs.forget import run_job
from core.unlearning.jobs.work import JobSetup
from core.unlearning.types import Entity, ForgetRequest, ModelSpec
from tests.support import another_world as world
from tests.support.patches import SIGNER

pytestmark = pytest.mark.slow
SUBJECT = "Kinga Majewska"
OTHERS = [who for who in world.PEOPLE if who != SUBJECT]
LISTED = {"train": OTHERS[:6], "validation": OTHERS[6:8], "test": OTHERS[8:10]}
"""Whom the retain set lists, by part; three more it does not."""
PROMPTS = list(world.GENERAL)
LISTED_PROMPTS = {"train": PROMPTS[:12], "validation": PROMPTS[12:17], "test": PROMPTS[17:23]}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.save(tmp_path_factory.mktemp("taught"))


@pytest.fixture(scope="module")
def spec(base: Path) -> ModelSpec:
    return ModelSpec("another", "llm", str(base))


def _retain_set(folder: Path) -> Path:
    folder.mkdir()
    rows: list[dict[str, Any]] = [
        {"group": "memory", "part": part, "question": asked.question, "subject": who}
        for part, people in LISTED.items()
        for who in people
        for asked in world.asked_about(who, world.ASKED)
    ]
    rows += [
        {"group": "general", "part": part, "question": prompt}
        for part, prompts in LISTED_PROMPTS.items()
        for prompt in prompts
    ]
    (folder / "examples.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def _request(name: str) -> ForgetRequest:
    prompts = tuple(world.ASKED[kind][0].format(who=name) for kind in world.KINDS)
    return ForgetRequest(Entity(name), prompts, (), modalities=("text",), level="quick")


def _forget(spec: ModelSpec, name: str, workdir: Path) -> dict[str, Any]:
    """Runs the job, and gives its verdict."""
    workdir.mkdir()
    run_job(JobSetup("job_1", spec, "smfa", workdir, SIGNER), _request(name), {})
    report: dict[str, Any] = json.loads((workdir / "report.json").read_text())
    verdict: dict[str, Any] = report["verdict"]
    return verdict


def _patched(spec: ModelSpec, workdir: Path) -> Any:
    with zipfile.ZipFile(workdir / "patch.zip") as patch:
        patch.extractall(workdir / "patch")
    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(spec.source), workdir / "patch" / "adapter")


def _told(spec: ModelSpec, model: Any, people: Collection[str]) -> float:
    """The share of facts that come out, asked in wordings that no job saw."""
    asked = [(who, one) for who in people for one in world.asked_about(who, world.OUTSIDE)]
    tokenizer = AutoTokenizer.from_pretrained(spec.source)
    said = world.answers(model.eval(), tokenizer, [one.question for _, one in asked])
    return fmean(
        judge_answer(answer, question=one.question, facts=[one.fact], names=[who]).label == "leaked"
        for answer, (who, one) in zip(said, asked, strict=True)
    )


def _answered(spec: ModelSpec, model: Any, prompts: Collection[str]) -> float:
    said = world.answers(model.eval(), AutoTokenizer.from_pretrained(spec.source), list(prompts))
    return fmean(answer == world.GENERAL[prompt] for prompt, answer in zip(prompts, said, strict=True))


def test_the_world_is_learned(spec: ModelSpec) -> None:
    model = AutoModelForCausalLM.from_pretrained(spec.source)
    assert _told(spec, model, world.PEOPLE) >= 0.92
    assert _answered(spec, model, PROMPTS) >= 0.95


def test_with_a_retain_set_the_subject_is_forgotten_all_else_is_kept_and_the_job_passes(
    spec: ModelSpec, tmp_path: Path
) -> None:
    spec = replace(spec, retain_set=_retain_set(tmp_path / "retain"))
    verdict = _forget(spec, SUBJECT, tmp_path / "work")
    patched = _patched(spec, tmp_path / "work")
    assert _told(spec, patched, [SUBJECT]) <= 0.1
    assert _told(spec, patched, [who for people in LISTED.values() for who in people]) >= 0.95
    assert _told(spec, patched, OTHERS[10:]) >= 0.85
    assert _answered(spec, patched, PROMPTS) >= 0.95
    assert verdict["passed"], verdict["reasons"]


def test_without_one_the_subject_is_forgotten_and_others_are_kept(spec: ModelSpec, tmp_path: Path) -> None:
    verdict = _forget(spec, SUBJECT, tmp_path / "work")
    patched = _patched(spec, tmp_path / "work")
    assert _told(spec, patched, [SUBJECT]) <= 0.1
    assert _told(spec, patched, OTHERS) >= 0.85
    assert _answered(spec, patched, PROMPTS) >= 0.9
    measured = any(check["key"].startswith("unseen_text_memory") for check in verdict["checks"])
    assert measured or any("people the job never saw" in note for note in verdict["notes"])


def test_a_person_whom_the_model_never_met_is_not_known(spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as error:
        _forget(spec, "Marek Nowak", tmp_path / "work")
    assert error.value.code == "not_known"


def test_a_model_that_learned_nothing_knows_nobody(tmp_path: Path) -> None:
    untaught = ModelSpec("untaught", "llm", str(world.save(tmp_path / "base", taught=False)))
    with pytest.raises(InvalidInputError) as error:
        _forget(untaught, SUBJECT, tmp_path / "work")
    assert error.value.code == "not_known"
