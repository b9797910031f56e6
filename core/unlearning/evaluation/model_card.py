"""README.md of a patch bundle: a model card in Markdown, with the lines that load the patch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined, Template

from core.unlearning.evaluation.measures import Measures
from core.unlearning.evaluation.presentation import Presentation
from core.unlearning.evaluation.svg import amount


def render(report: Mapping[str, Any], measures: Measures, words: Presentation) -> str:
    """The card of a report made by `report.build`. Holds numbers and nothing of the subject."""
    rows = [
        (measures.title(split), measures.metrics[metric], _shown(data["metrics"][metric], metric, measures))
        for split, data in report["splits"].items()
        for metric in words.on_card
        if data["metrics"][metric]["after"] is not None
    ]
    return _template(words.templates).render(report=report, rows=rows, words=words)


def _shown(values: Mapping[str, float | None], metric: str, measures: Measures) -> dict[str, str]:
    share = metric not in measures.unbounded
    return {when: amount(value, share=share) for when, value in values.items()}


@cache
def _template(of_family: Path) -> Template:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("core.unlearning.evaluation"), FileSystemLoader(of_family)]),
        autoescape=False,  # noqa: S701 (Markdown of our own words and numbers)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("model_card.md.j2")
