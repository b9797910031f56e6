"""A ready-to-post request about public figures whom the model knows, and probes to check the outcome from outside.

In the way of RWKU (Jin et al., 2024): forgotten by name, with no data but questions. `probes.json` asks what no request
asks, in other wordings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from core.unlearning.reference.smollm2.figures import Figure, figure_named, figures

MODEL_ID = "smollm2"


class ProbeRow(TypedDict):
    """One entry of `probes.json`: about a subject (`text_memory`), or somebody else (`neighbour`), who is to be kept.

    Any of the `spans` in an answer tells the fact.
    """

    kind: str
    topic: str
    question: str
    image: None
    spans: list[str]


def subjects() -> list[str]:
    """Everyone a request can name."""
    return [figure.name for figure in figures()]


def standard_requests() -> list[tuple[str, ...]]:
    """The names of each standard forget request: every figure alone."""
    return [(name,) for name in subjects()]


def write_sample(subject: str | Sequence[str], out: Path, seed: int = 0) -> Path:
    """Write `request.json` and `probes.json` into `out`. Nothing here is random.

    Of several figures the first gives the entity its name, the others are aliases. Raises `ValueError` for a name of
    nobody here.
    """
    del seed
    chosen = [figure_named(name) for name in ([subject] if isinstance(subject, str) else subject)]
    if not chosen:
        raise ValueError("a sample needs at least one subject")
    out.mkdir(parents=True, exist_ok=True)
    others = [figure for figure in figures() if figure not in chosen]
    _write_json(out / "request.json", request_body(chosen))
    _write_json(out / "probes.json", [*_probes(chosen, "text_memory"), *_probes(others, "neighbour")])
    return out


def request_body(chosen: Sequence[Figure]) -> dict[str, object]:
    """The body of `POST /v1/jobs` about these figures."""
    return {
        "model": MODEL_ID,
        "entity": {"name": chosen[0].name, "kind": "identity", "aliases": [figure.name for figure in chosen[1:]]},
        "prompts": [question for figure in chosen for _, question, _ in figure.questions("request")],
        "method": "auto",
        "evaluation": {"level": "standard"},
    }


def _probes(about: Sequence[Figure], kind: str) -> list[ProbeRow]:
    return [
        ProbeRow(kind=kind, topic=topic, question=question, image=None, spans=list(spans))
        for figure in about
        for topic, question, spans in figure.questions("test")
    ]


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
