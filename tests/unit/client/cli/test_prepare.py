"""What `lethe models prepare` refuses before it loads anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client.cli.context import Connection
from client.cli.prepare import _family_of
from client.cli.run import run
from tests.support.scripted_server import answer, problem, scripted


def folder(path: Path, **config: object) -> Path:
    """A folder with such a configuration."""
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def test_the_family_is_read_from_the_configuration(tmp_path: Path) -> None:
    assert _family_of(folder(tmp_path / "sees", model_type="llava", vision_config={})) == "mllm"
    assert _family_of(folder(tmp_path / "blind", model_type="llama")) == "llm"


def test_what_cannot_be_prepared_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blind, sees = folder(tmp_path / "blind", model_type="llama"), folder(tmp_path / "sees", vision_config={})
    (tmp_path / "names.txt").write_text("Ada Okoro\n", encoding="utf-8")
    names, out = ("--names", str(tmp_path / "names.txt")), ("--out", str(tmp_path / "out"))
    for arguments, code, words in (
        ((str(sees), *out), 2, "pass --pictures DIR, --names FILE, or both"),
        ((str(blind), *out, "--pictures", str(tmp_path)), 2, "models of family llm see no pictures"),
        ((str(sees), *out, *names, "--family", "diffusion"), 2, "families mllm and llm, not for 'diffusion'"),
        ((str(tmp_path), *out, *names), 1, "holds no model: its config.json cannot be read"),
        ((str(sees), *out, "--names", str(tmp_path / "none.txt")), 1, "none.txt is not a readable text file"),
    ):
        assert run(["models", "prepare", *arguments]) == code, words
        message = capsys.readouterr().err.strip()
        assert words in message
        assert message.count("\n") == 0
    assert not (tmp_path / "out").exists()


def test_a_registered_id_is_asked_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registered = {"id": "mine", "family": "diffusion", "source": "/models/mine", "created_at": "2026-01-01T00:00:00Z"}
    known, script, _ = scripted(answer(registered))
    unknown, _, _ = scripted(problem(404, "not_found", "There is no such model."))
    clients = iter((known, unknown))
    monkeypatch.setattr(Connection, "open", lambda _: next(clients))
    command = ["models", "prepare", "mine", "--pictures", str(tmp_path), "--out", str(tmp_path / "out")]
    assert run(command) == 2
    assert "not for 'diffusion'" in capsys.readouterr().err
    assert script.requests[0].url.path == "/v1/models/mine"
    assert run(command) == 1
    assert "There is no such model." in capsys.readouterr().err
