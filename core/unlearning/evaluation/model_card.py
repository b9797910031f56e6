"""README.md of a patch bundle: a model card in Markdown, with the lines that load the patch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from core.unlearning.evaluation.svg import percent
from core.unlearning.evaluation.wording import metric_title, split_title

_SHOWN = ("exact", "refusal_rate", "sequence_probability")


def render(report: Mapping[str, Any]) -> str:
    """The card of a report made by `report.build`. Holds numbers and nothing of the subject."""
    rows = [
        (split_title(split), metric_title(metric), data["metrics"][metric])
        for split, data in report["splits"].items()
        for metric in _SHOWN
        if data["metrics"][metric]["after"] is not None
    ]
    return _template().render(report=report, rows=rows)


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
    environment.filters["percent"] = percent
    return environment.get_template("model_card.md.j2")
