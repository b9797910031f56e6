"""Requests about public figures, and the probes that judge their outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.unlearning import reference
from core.unlearning.planning import PlanRequest, plan
from core.unlearning.reference.smollm2.figures import figures
from core.unlearning.types import ModelSpec


def sample(folder: Path, *names: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    reference.sample("smollm2", names, folder, level="quick")
    return json.loads((folder / "request.json").read_text()), json.loads((folder / "probes.json").read_text())


def test_six_figures_with_facts_in_three_wordings() -> None:
    assert len(reference.subjects("smollm2")) == 6
    for figure in figures():
        assert 5 <= len(figure.facts) <= 8
        asked = [[question for _, question, _ in figure.questions(use)] for use in ("request", "validation", "test")]
        assert all(figure.name in question for questions in asked for question in questions)
        flat = [question.casefold() for questions in asked for question in questions]
        assert len(set(flat)) == len(flat)


def test_no_question_tells_its_answer() -> None:
    for figure in figures():
        for use in ("request", "validation", "test"):
            for _, question, spans in figure.questions(use):
                assert spans
                assert not [span for span in spans if span.casefold() in question.casefold()]


def test_a_request_asks_by_name_and_is_judged_by_other_wordings(tmp_path: Path) -> None:
    name = reference.subjects("smollm2")[0]
    request, probes = sample(tmp_path, name)
    assert request["entity"] == {"name": name, "kind": "identity", "aliases": []}
    assert not {row["question"] for row in probes} & {*request["prompts"]}
    assert {row["kind"] for row in probes} == {"text_memory", "neighbour"}
    assert all((name in row["question"]) is (row["kind"] == "text_memory") for row in probes)
    assert not list(tmp_path.glob("images"))
    spec = ModelSpec("smollm2", reference.family("smollm2"), "nowhere")
    found = plan(spec, PlanRequest(names=(name,), n_prompts=len(request["prompts"]), level="quick"))
    assert (found["method"], found["views"]) == ("smfa", ["text"])


def test_several_are_forgotten_together(tmp_path: Path) -> None:
    names = reference.subjects("smollm2")[:2]
    request, probes = sample(tmp_path, *names)
    assert [request["entity"]["name"], *request["entity"]["aliases"]] == names
    assert {row["kind"] for row in probes if any(name in row["question"] for name in names)} == {"text_memory"}


def test_nobody_else_can_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such figure"):
        sample(tmp_path, "Ada Lovelace")
