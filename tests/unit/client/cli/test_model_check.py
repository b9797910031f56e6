"""`lethe models check` over a scripted answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from client.cli.context import Connection
from client.cli.run import run
from tests.support.scripted_server import answer, problem, scripted

CHECK: dict[str, Any] = {
    "object": "model_check",
    "model": "mine",
    "family": "mllm",
    "findings": [{"name": "retain_set", "status": "invalid", "detail": "It has no examples.jsonl."}],
    "splits": [
        {
            "split": "general",
            "title": "General knowledge",
            "purpose": "Whether the model is otherwise as it was.",
            "rows": {"train": 7, "validation": 0, "test": 48},
            "missing": ["validation"],
            "unit": "picture",
            "certainty": [{"level": "quick", "probes": 48, "clusters": 12, "at_most": 0.2209, "needed": 59}],
        }
    ],
    "methods": [{"name": "smfa", "title": "SMFA", "needs": ["a name"]}],
    "levels": [
        {
            "level": "quick",
            "method": "smfa",
            "training_examples": 103,
            "steps": 45,
            "memory": {"gpu_bytes": 19_200_000_000, "host_bytes": 28_000_000_000, "cpu_bytes": 31_000_000_000},
            "least_time": "Training takes about 3 min.",
            "estimate": {"seconds": 61.2, "basis": "The median of 2 earlier jobs like this."},
        }
    ],
}


def test_the_table_says_what_is_missing_and_how_sure_a_report_can_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client, script, _ = scripted(answer(CHECK))
    monkeypatch.setattr(Connection, "open", lambda _: client)
    assert run(["models", "check", "mine"]) == 0
    assert script.requests[0].url.path == "/v1/models/mine/check"
    out = capsys.readouterr().out
    for words in ("It has no examples.jsonl.", "48/12 (≤ 22.1 %)", "59", "19.2 GB", "61 s", "smfa (a name)"):
        assert words in out
    assert "general has no rows for validation. Whether the model is otherwise as it was." in out


def test_as_json_it_is_the_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    client, _, _ = scripted(answer(CHECK))
    monkeypatch.setattr(Connection, "open", lambda _: client)
    assert run(["models", "check", "mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == CHECK


def test_an_unknown_model_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    client, _, _ = scripted(problem(404, "not_found", "There is no such model."))
    monkeypatch.setattr(Connection, "open", lambda _: client)
    assert run(["models", "check", "none"]) == 1
    assert capsys.readouterr().err.strip().count("\n") == 0
