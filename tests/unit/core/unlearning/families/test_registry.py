"""Every registered family says all of itself that planning, verdicts and reports ask for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core.unlearning.evaluation.thresholds import parse_key
from core.unlearning.families.info import FamilyInfo
from core.unlearning.families.registry import families, load_family
from core.unlearning.types import RequestSummary

FAMILIES = pytest.mark.parametrize("family", families().values(), ids=families().keys())


@FAMILIES
def test_thresholds_name_what_is_measured(family: FamilyInfo) -> None:
    measures = family.measures
    keys = [parse_key(key, measures) for key in measures.defaults]
    splits = {*measures.judged, *measures.expected, *measures.asked_of_reference, *(key.split for key in keys)}
    assert splits <= measures.splits.keys()
    assert measures.unbounded <= measures.metrics.keys()


@FAMILIES
def test_reports_show_what_is_measured(family: FamilyInfo) -> None:
    shown, measures = family.presentation, family.measures
    assert {*shown.forgotten, *shown.shown} <= measures.splits.keys()
    metrics = [*shown.otherwise, *shown.on_card, *shown.columns, *(m for ms in shown.shown.values() for m in ms)]
    assert set(metrics) <= measures.metrics.keys()
    assert (shown.templates / "load.md.j2").is_file()


@FAMILIES
def test_a_request_is_counted_and_its_model_is_loaded_by_the_family_of_that_name(family: FamilyInfo) -> None:
    assert family.count_examples(RequestSummary(n_images=2, n_names=1, n_rows=3)) > 0
    assert load_family(family.name).info is family


def test_an_unknown_family_is_none() -> None:
    with pytest.raises(KeyError):
        load_family("no-such-family")


def test_what_families_say_of_themselves_needs_no_torch() -> None:
    asked = "import sys; from core.unlearning.families.registry import families; families()"
    subprocess.run([sys.executable, "-c", f"{asked}; assert 'torch' not in sys.modules"], check=True)
