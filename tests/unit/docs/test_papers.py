"""The page about papers names every method, baseline and metric, and only modules that exist."""

from __future__ import annotations

import re

import pytest

from core.unlearning.bench import baselines
from core.unlearning.evaluation.text_membership import ATTACKS
from core.unlearning.families.audiovisual.config import METRICS as CLASSIFIER_METRICS
from core.unlearning.families.diffusion.config import METRICS as PICTURE_METRICS
from core.unlearning.families.language.measures import METRICS
from tests.support.paths import ROOT

LIBRARY = ROOT / "core" / "unlearning"
PAGE = (ROOT / "docs" / "reference" / "papers.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", baselines.compared())
def test_every_method_and_baseline_is_there(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_every_folder_of_a_method_or_baseline_is_there() -> None:
    for parent in ("methods", "bench/baselines"):
        folders = {path.parent.name for path in (LIBRARY / parent).glob("*/__init__.py")} - {"shared"}
        missing = {name for name in folders if f"`{parent}/{name}" not in PAGE}
        assert folders
        assert not missing


@pytest.mark.parametrize("name", sorted({*METRICS, *PICTURE_METRICS, *CLASSIFIER_METRICS, *ATTACKS} - {"loss"}))
def test_every_metric_is_there(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_every_module_exists() -> None:
    named = re.findall(r"`((?:bench|evaluation|families|hardware|methods|patches)/[\w/.*]+)`", PAGE)
    assert named
    for module in named:
        assert list(LIBRARY.glob(module)), module
