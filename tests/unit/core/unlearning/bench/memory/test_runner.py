"""The benchmark on the reference model, with a few steps: what is run, what fails as a row, what is not run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from client.cli.app import app
from core.unlearning.bench.memory import examples, reference_world, runner
from core.unlearning.bench.memory.attacks import relearning
from core.unlearning.bench.memory.records import from_json, value
from core.unlearning.bench.memory.setup import bundled_model
from core.unlearning.bench.memory.world import image_bytes
from core.unlearning.errors import DivergedError


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the methods that were run. Few questions are asked, and one method always diverges."""
    really, seen = runner.run_method, list[str]()

    def run_method(lm: Any, setup: Any, case: Any, *rest: Any) -> Any:
        seen.append(case.contender)
        if case.contender == "npo":
            raise DivergedError("the training loss is not finite")
        return really(lm, setup, case, *rest)

    def evaluation_examples(*arguments: Any) -> Any:
        return examples.evaluation_examples(*arguments, 6)

    monkeypatch.setattr(relearning, "SHARES", (30,))
    monkeypatch.setattr(runner, "run_method", run_method)
    monkeypatch.setattr(runner, "evaluation_examples", evaluation_examples)
    return seen


@pytest.mark.slow
def test_a_run_goes_on_where_it_was(tmp_path: Path, quick: list[str]) -> None:
    work, options = tmp_path / "work", tmp_path / "options.json"
    options.write_text(json.dumps({"gradient-ascent": {"steps": 3, "stop_below": None}}))
    command = ["bench", "mllm", "--work", str(work), "--ratios", "5", "--seeds", "1", "--options", str(options)]
    command += ["--methods", "gradient-ascent", "--methods", "npo", "--json"]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    ascent, npo = json.loads(first.stdout)["results"]
    assert (ascent["error"], npo["error"]) == (None, "training_diverged")
    found = from_json(ascent["records"])
    assert {r.split for r in found} >= {"forget_image_memory", "unseen_text_memory", "declined", "overall"}
    assert value(found, "overall", "answer_probability") < 1
    assert (work / "patches" / ascent["case"] / "adapter" / "adapter_model.safetensors").is_file()
    table = (work / "leaderboard.md").read_text()
    assert "| 1 | gradient-ascent |" in table
    assert "|  | unchanged model |" in table
    assert "0 (1 failed)" in table
    assert "<svg" in (work / "leaderboard.html").read_text()
    records = json.loads((work / "results.json").read_text())["records"]
    assert {entry["contender"] for entry in records} == {"gradient-ascent", "npo", "unchanged model"}
    manifest = json.loads((work / "manifest.json").read_text())
    assert manifest["cases"][0]["options"]["steps"] == 3
    again = CliRunner().invoke(app, command)
    assert json.loads(again.stdout)["results"] == [ascent, npo]
    attacked, _ = json.loads(CliRunner().invoke(app, [*command, "--level", "robust"]).stdout)["results"]
    assert attacked["records"] == ascent["records"]
    pressed = from_json(attacked["robust"])
    assert 0 <= value(pressed, "overall", "worst_attack") <= value(pressed, "overall", "base_any_attack") <= 1
    assert value(pressed, "overall", "relearned_30") is not None
    assert "| worst attack ↓ |" in (work / "leaderboard.md").read_text()
    assert quick == ["gradient-ascent", "npo"]


@pytest.mark.slow
def test_people_come_from_a_folder_too(tmp_path: Path, quick: list[str]) -> None:
    data, work, options = tmp_path / "data", tmp_path / "work", tmp_path / "options.json"
    _write_profiles(data)
    options.write_text(json.dumps({"gradient-ascent": {"steps": 2, "stop_below": None}}))
    command = ["bench", "mllm", bundled_model(), "--data", str(data), "--layout", "s-mllmun", "--work", str(work)]
    command += ["--ratios", "10", "--seeds", "1", "--methods", "gradient-ascent", "--options", str(options), "--json"]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0, ran.output
    (result,) = json.loads(ran.stdout)["results"]
    assert result["error"] is None
    before = from_json(json.loads((work / "cases" / "before.test.10.0.json").read_text()))
    for split in ("forget_image_memory", "forget_text_memory", "unseen_image_memory", "forget_understanding"):
        assert value(before, split, "exact") > 0.9
        assert value(from_json(result["records"]), split, "exact") is not None
    groups = {json.loads(line)["group"] for line in (work / "retain_set" / "examples.jsonl").read_text().splitlines()}
    assert groups == {"memory"}
    other = CliRunner().invoke(app, ["bench", "mllm", "--work", str(work), "--methods", "npo", "--seeds", "1"])
    assert "another model or other data" in str(other.exception)


def _write_profiles(folder: Path) -> None:
    """People of the reference world as S-MLLMUn Bench has them: one picture each, and held-out ones of what is seen."""
    (folder / "images").mkdir(parents=True)
    lines = []
    for number, person in enumerate(p for p in reference_world.world(0).people if p.pictures):
        shown = person.pictures[0]
        held_out = next(q for q in person.questions if q.kind == "understanding" and q.held_out)
        for name, picture in ((f"images/{number}.png", shown), (f"images/{number}-again.png", held_out.picture)):
            (folder / name).write_bytes(image_bytes([picture])[0])
        memory = [q for q in person.questions if q.picture == shown]
        seen = {"question": held_out.question, "answer": held_out.answer, "held_out": True}
        profile = {
            "name": person.name,
            "image": f"images/{number}.png",
            "image_memory": [{"question": q.question, "answer": q.answer} for q in memory],
            "text_memory": [
                {"question": q.question, "answer": q.answer}
                for q in person.questions
                if q.kind == "text_memory" and not q.held_out
            ],
            "image_understanding": [{**seen, "image": f"images/{number}-again.png"}],
        }
        lines.append(json.dumps(profile))
    (folder / "profiles.jsonl").write_text("\n".join(lines))


def test_what_cannot_be_run_is_said_before(tmp_path: Path) -> None:
    def say(*more: str) -> str:
        result = CliRunner().invoke(app, ["bench", "mllm", "--work", str(tmp_path), *more])
        assert result.exit_code != 0
        return str(result.exception)

    options = tmp_path / "options.json"
    options.write_text(json.dumps({"npo": {"magic": 1}}))
    assert "no method 'magic'" in say("--methods", "magic")
    assert "not valid: magic" in say("--methods", "npo", "--options", str(options))
    assert "--judge-model" in say("--judge", "http://127.0.0.1:9/v1")
    assert "--layout" in say("--data", str(tmp_path))
    assert "50 % are 22 people" in say("--ratios", "50")
    nowhere = ["--data", str(tmp_path / "none"), "--layout", "clear", "--work", str(tmp_path / "other")]
    assert "does not exist" in say(bundled_model(), *nowhere)
    assert not (tmp_path / "cases").exists()
