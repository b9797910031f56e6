"""ConceptBench on a tiny pipeline that knows nothing: what is run, what is kept, what is read again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from client.cli.app import app
from core.unlearning.bench.concepts import attacks, m_scores
from core.unlearning.bench.concepts.cases import ConceptCase, cases
from core.unlearning.bench.concepts.hub import FOLDER
from core.unlearning.bench.concepts.summary import summary_rows
from core.unlearning.families.diffusion import concepts
from core.unlearning.families.diffusion.concepts import Concept
from core.unlearning.families.diffusion.training.inversion import InversionSettings
from tests.support.picture_classifiers import classifiers
from tests.support.tiny_pipelines import saved

NAMES = {"identity": ("bob", "pat"), "object": ("cup", "hat"), "style": ("oil", "ink")}


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    folder.mkdir()
    lines = [
        {
            "name": name,
            "kind": kind,
            "prompts": {part: [f"{part[0]} {name}"] for part in ("train", "validation", "test")},
        }
        for kind, names in NAMES.items()
        for name in names
    ]
    (folder / "concepts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def test_targets_are_run_alone_and_together() -> None:
    known = [Concept(name=f"name {n}", kind="identity", prompts={}) for n in range(6)]
    planned = list(cases(known, ["closed-form", "closed-form-pictures", "forget-me-not-pictures"], 2, [0, 1], [5]))
    by_contender = Counter(case.contender for case in planned)
    assert by_contender == {"closed-form": 2 * (2 + 1), "closed-form-pictures": 2, "forget-me-not-pictures": 2 * 2}
    assert planned[-1].targets == tuple(f"name {n}" for n in range(5))
    assert len({case.name for case in planned}) == len(planned)
    assert ConceptCase("closed-form", ("Ada B.",), "identity", 3).name == "closed-form.identity.ada-b.3"


def test_the_list_of_real_names_can_be_read() -> None:
    kinds = [concept.kind for concept in concepts.read(FOLDER)]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"identity": 20, "object": 10, "style": 10}


@pytest.mark.slow
def test_a_run_goes_on_where_it_was(tmp_path: Path, listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks, "SEARCH", InversionSettings(steps=2, batch=2, patience=None))
    monkeypatch.setattr(m_scores, "COURSE", InversionSettings(steps=2, batch=2, patience=None))
    base, eyes, work = saved(tmp_path / "base"), classifiers(tmp_path / "eyes", NAMES), tmp_path / "work"
    command = ["bench", "concepts", str(base), "--work", str(work), "--prompts", str(listed)]
    command += ["--classifiers", str(eyes), "--methods", "closed-form", "--targets", "1", "--seeds", "1"]
    command += ["--steps", "2", "--json"]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    results = json.loads(first.stdout)["results"]
    assert [result["targets"] for result in results] == [["bob"], ["cup"], ["oil"]]
    assert all(0 <= result[name] <= 1 for result in results for name in ("ua", "ira", "cra"))
    assert {"inverted_words", "noised_pictures", "paraphrase"} <= results[0]["attacks"].keys()
    assert 0 <= results[0]["m_score"]["before"]["recovered"] <= 1
    assert len(results[0]["m_score"]["controls_after"]) == 1
    kept = work / "closed-form.style.oil.0.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"ua": 0.25}))
    (work / "closed-form.object.cup.0.json").unlink()
    lacking = {name: value for name, value in results[0].items() if name != "m_score"} | {
        "attacks": {},
        "seconds": 77.0,
    }
    (work / "closed-form.identity.bob.0.json").write_text(json.dumps(lacking))
    again = json.loads(CliRunner().invoke(app, command).stdout)["results"]
    assert again[0] == {**results[0], "seconds": 77.0}, "measured on the patch of the job that there was"
    assert again[2]["ua"] == 0.25
    assert {k: v for k, v in again[1].items() if k not in ("seconds", "processor_seconds", "details")} == {
        k: v for k, v in results[1].items() if k not in ("seconds", "processor_seconds", "details")
    }
    assert [row.count for row in summary_rows(results)] == [3]
