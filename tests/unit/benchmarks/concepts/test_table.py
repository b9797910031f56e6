"""A benchmark's table from what earlier runs have left, and what a request of pictures brings there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.concepts.table import bars, count_jobs
from core.unlearning.bench.concepts import jobs
from core.unlearning.bench.concepts.cases import ConceptCase
from core.unlearning.bench.concepts.results import stored_results
from core.unlearning.families.diffusion.training.invert_pictures import is_unnamed
from core.unlearning.types import Entity, Example, JobData


def left(work: Path, contender: str, kind: str, targets: list[str], seed: int, ua: float) -> None:
    result = {"contender": contender, "kind": kind, "targets": targets, "seed": seed, "ua": ua, "ira": 1.0, "cra": 1.0}
    result |= {"attacks": {}, "details": {}, "seconds": 9.0, "processor_seconds": 1.0, "bytes": 1000}
    (work / f"{contender}.{kind}.{targets[0]}-{len(targets)}.{seed}.json").write_text(json.dumps(result))


def test_a_report_says_how_many_jobs_there_were(tmp_path: Path) -> None:
    left(tmp_path, "esd-x", "style", ["ink"], 0, 0.5)
    left(tmp_path, "closed-form", "object", ["cup"], 1, 0.9)
    left(tmp_path, "closed-form", "object", ["cup"], 0, 1.0)
    left(tmp_path, "closed-form", "object", ["cup", "hat"], 0, 0.0)
    left(tmp_path, "closed-form", "concept", ["mark"], 0, 0.0)
    (tmp_path / "correction.before.json").write_text("{}")
    found = stored_results(tmp_path)
    assert [(r["contender"], len(r["targets"]), r["seed"]) for r in found][-2:] == [
        ("closed-form", 2, 0),
        ("esd-x", 1, 0),
    ]
    assert count_jobs(found) == "closed-form: 2 on 1 targets; ESD-x (baseline): 1 on 1 targets"
    values = {bar.name: bar for bar in bars(found)}
    assert values["closed-form: UA"].value == pytest.approx(0.95)
    assert values["closed-form: UA"].met is False
    assert values["closed-form: method, seconds of one core"].met
    with pytest.raises(FileNotFoundError):
        stored_results(tmp_path / "nowhere")


@pytest.mark.parametrize("listed", [True, False])
def test_pictures_say_who_it_is_and_a_classifier_what_it_is_called(
    monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    monkeypatch.setattr(jobs, "draw_target", lambda *_: [Image.new("RGB", (4, 4))])
    named, kept = Example("forget_concept", "a bob", "bob", subject="bob"), Example("retain_same", "a pat", "pat")
    data = JobData((named, kept), (named, kept), (named, kept), entity=Entity("bob"))
    model: Any = None
    made = jobs.picture_only_data(model, ConceptCase("esd-x", ("bob",), "identity", 0), data, listed=listed)
    assert is_unnamed(made)
    assert [(named in part) for part in (made.train, made.validation, made.test)] == [listed, listed, True]
    assert kept in made.train
