"""The wording of reports on models of one family, and the metrics that they emphasise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Presentation:
    """`families/<name>/presentation.py: PRESENTATION`."""

    unit: str
    """What a model is asked: `question`, with `s` for several."""
    known: str
    """How many of a split's units say something, with `{}` for the number."""
    forgotten: tuple[str, ...]
    """Splits under "What had to be forgotten"; all others had to stay."""
    shown: Mapping[str, tuple[str, ...]]
    """The metrics that are drawn as bars, by split."""
    otherwise: tuple[str, ...]
    """Those of all other splits."""
    on_card: tuple[str, ...]
    """Metrics in the model card."""
    columns: Mapping[str, str]
    """Metrics in the command line's table, with short headings."""
    library: str
    """The stock library that loads a patch, as model cards name it."""
    purpose: str
    """What the patched model does, after "An adapter that makes the model"."""
    limits: tuple[str, ...]
    """What the numbers cannot say."""
    aim: str
    """The aim for the forget splits."""
    kept_aim: str
    """The aim for all other splits."""
    nothing_forgotten: str
    """What stands in the place of the forgotten splits where nothing was measured."""
    recalled: str
    """Heading of the recall that robustness checks count."""
    footnote: str
    """Explains metrics under the table of all numbers."""
    templates: Path
    """Folder of Jinja templates: `load.md.j2` says how the patch is loaded, `samples.html.j2` shows sample outputs, and
    `more.html.j2` what only reports of the family have."""
    model_class: str = ""
    """The class of that library, or of the one beneath it, that loads the base, where the template needs it."""
    pressed: str = ""
    """Introduction to the robustness checks."""
    checks: Mapping[str, str] = field(default_factory=dict)
    """Titles of the robustness checks."""
    reference_limit: str = ""
    """What the thresholds' limits owe to a reference model."""
    membership: str = ""
    """How the membership AUC is to be read."""

    def limits_with(self, more: Sequence[str]) -> tuple[str, ...]:
        """The limits, with those of a job's method and options after the first."""
        return (self.limits[0], *more, *self.limits[1:])
