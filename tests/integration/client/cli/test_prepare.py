"""`lethe models prepare` with the reference model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client.cli.run import run
from core.unlearning import reference
from core.unlearning.families.language.preparation import named
from core.unlearning.reference.mllm.people import known_people

pytestmark = pytest.mark.slow


def test_it_says_what_it_made_and_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(named, "_FIGURES", 0)
    person, out = known_people()[20], tmp_path / "retain_set"
    (tmp_path / "names.txt").write_text(f"{person.name}\n", encoding="utf-8")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "broken.png").write_bytes(b"nonsense")
    command = ["models", "prepare", str(reference.bundled_path("mllm")), "--out", str(out)]
    command += ["--names", str(tmp_path / "names.txt"), "--pictures", str(tmp_path / "pictures")]
    assert run([*command, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["path"], made["people"]) == (str(out), 1)
    assert made["unreadable"] == ["broken.png is not a readable JPEG, PNG or WebP"]
    rows = [json.loads(line) for line in (out / "examples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["subject"] for row in rows if row["group"] == "memory"} == {person.name}
    assert run(command) == 1
    assert "is there already" in capsys.readouterr().err
