from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from pydantic import ValidationError

from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.methods.smfa.config import K_GRID, Options
from core.unlearning.methods.smfa.sweep import Point, best, grid


def test_paper_preset_is_the_published_recipe() -> None:
    options = Options.model_validate({"preset": "paper"})
    published = (options.rank, options.alpha, options.dropout, options.lr, options.epochs, options.batch)
    assert published == (16, 16, 0.05, 1e-4, 5, 2)
    assert (options.views, options.combine, options.k_image, options.k_text) == ("separate", "average", 5, 10)
    assert options.forget_target == "refusal"


def test_what_the_request_says_goes_before_the_preset() -> None:
    assert Options.model_validate({"preset": "paper", "k_text": 1}).k_text == 1


def test_options_survive_json() -> None:
    options = Options.model_validate({"k_image": "inf", "k_text": "auto"})
    assert json.loads(json.dumps(options.model_dump(mode="json"), allow_nan=False))["k_image"] == "inf"
    assert Options.model_validate(options.model_dump(mode="json")) == options


@pytest.mark.parametrize("wrong", [{"k_image": -1}, {"rank": 0}, {"unknown": 1}, {"utility_floor": 1.5}, {"lr": 0}])
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(wrong)


def test_every_option_is_explained() -> None:
    fields = Options.model_json_schema()["properties"]
    assert all(field.get("description") for field in fields.values())


def test_catalogue_needs_no_torch() -> None:
    load = "from core.unlearning.methods.registry import catalogue; catalogue()"
    code = f"import sys; {load}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sweep_tries_what_is_left_open() -> None:
    assert [k for k, _ in grid(Options())] == list(K_GRID)
    assert grid(Options.model_validate({"k_image": 2, "k_text": 3, "views": "separate"})) == [(2.0, 3.0)]
    assert {k for k, _ in grid(Options.model_validate({"k_image": 2, "views": "separate"}))} == {2.0}


def test_strongest_forgetting_within_the_floor_wins() -> None:
    points = [Point(0, 0, 0.9, 1.0), Point(1, 1, 0.3, 0.99), Point(5, 5, 0.1, 0.985), Point(10, 10, 0.0, 0.9)]
    assert best(points, 0.98).k_image == 5


def test_equal_forgetting_is_decided_by_utility() -> None:
    points = [Point(1, 1, 0.3, 1.0), Point(2.5, 2.5, 0.003, 0.999), Point(5, 5, 0.002, 0.99), Point(10, 10, 0.0, 0.985)]
    assert best(points, 0.98).k_image == 2.5


def test_without_any_point_above_the_floor_the_strongest_forgetting_is_taken() -> None:
    """It fails by what it harmed; the least harmful one would have forgotten nothing, and failed as well."""
    assert best([Point(0, 0, 0.9, 0.9), Point(1, 1, 0.1, 0.8)], 0.98).k_image == 1


def test_refusals_are_many_different_and_recognised() -> None:
    from core.unlearning.families.language.training.refusal_pool import pool

    assert len(set(pool())) == 1000
    assert [text for text in pool() if not is_refusal(text)] == []


def test_where_erasure_is_asked_for_what_is_left_of_it_counts() -> None:
    points = [Point(1, 1, 0.0, 1.0, 0.4), Point(5, 5, 0.0, 0.99, 0.01), Point(10, 10, 0.0, 0.9, 0.0)]
    assert best(points, 0.98).k_image == 5
    assert best([replace(point, excess=None) for point in points], 0.98).k_image == 1
    assert [Point.from_json(point.as_json()) for point in points] == points


def test_erasure_takes_more_steps_and_pictures_unless_told_otherwise() -> None:
    plain, erasure = Options(), Options.model_validate({"mode": "erasure"})
    assert (plain.steps or 0) < (erasure.steps or 0)
    assert plain.imagined < erasure.imagined
    assert Options.model_validate({"mode": "erasure", "steps": 7}).steps == 7
    assert Options.model_validate({"mode": "erasure", "preset": "paper"}).steps is None
    assert Options.model_validate({"mode": "erasure", "preset": "quick"}).imagined == 12
