"""README.md of a patch bundle: a model card in Markdown, with the lines that load the patch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from core.unlearning.evaluation.labels import metric_title, split_title
from core.unlearning.evaluation.measures import measures_of
from core.unlearning.evaluation.presentation import presentation_of
from core.unlearning.evaluation.svg import amount


def render(report: Mapping[str, Any]) -> str:
    """The card of a report made by `report.build`. Holds numbers and nothing of the subject."""
    words, unbounded = presentation_of(report["family"]), measures_of(report["family"]).unbounded
    rows = [
        (split_title(split), metric_title(metric), _shown(data["metrics"][metric], share=metric not in unbounded))
        for split, data in report["splits"].items()
        for metric in words.on_card
        if data["metrics"][metric]["after"] is not None
    ]
    return _template().render(report=report, rows=rows, words=words)


def _shown(values: Mapping[str, float | None], *, share: bool) -> dict[str, str]:
    return {when: amount(value, share=share) for when, value in values.items()}


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("core.unlearning.evaluation"),
        autoescape=False,  # noqa: S701 (Markdown of our own words and numbers)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("model_card.md.j2")
