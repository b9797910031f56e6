"""The benchmark on the reference model, with a few steps: what is run, what fails as a row, what is not run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from client.cli.app import app
from core.unlearning.errors import DivergedError
from core.unlearning.memory_bench import examples, runner
from core.unlearning.memory_bench.records import from_json, value


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the methods that were run. Few questions are asked, and one method always diverges."""
    really, seen = runner.run_method, list[str]()

    def run_method(lm: Any, spec: Any, case: Any, *rest: Any) -> Any:
        seen.append(case.contender)
        if case.contender == "npo":
            raise DivergedError("the training loss is not finite")
        return really(lm, spec, case, *rest)

    def asked(*arguments: Any) -> Any:
        return examples.asked(*arguments, 12)

    monkeypatch.setattr(runner, "run_method", run_method)
    monkeypatch.setattr(runner, "asked", asked)
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
    tidy = json.loads((work / "results.json").read_text())["records"]
    assert {entry["contender"] for entry in tidy} == {"gradient-ascent", "npo", "unchanged model"}
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
    assert not (tmp_path / "cases").exists()
