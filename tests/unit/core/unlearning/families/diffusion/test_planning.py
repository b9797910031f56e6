"""Requests to pipelines before anything is loaded: plan, thresholds, registration, memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.unlearning.evaluation.thresholds import validate_thresholds
from core.unlearning.families.diffusion.config import INFO, MEASURES
from core.unlearning.hardware.requirements import GB, estimate
from core.unlearning.planning import PlanError, PlanRequest, check_model, plan
from core.unlearning.types import ModelSpec

SD1 = {"unet": 1.72, "text_encoder": 0.25, "vae": 0.17, "safety_checker": 1.2}
"""Gigabytes in half precision of the parts of Stable Diffusion 1.5."""


def planned(method: str = "auto", **request: Any) -> dict[str, Any]:
    """The plan of a request for a pipeline."""
    return plan(ModelSpec("model", "diffusion", "owner/name"), PlanRequest(method=method, **request))


@pytest.mark.parametrize("kind", ["identity", "object", "style", "concept"])
def test_auto_takes_the_closed_form_for_a_name(kind: Any) -> None:
    found = planned(names=("Ada",), n_prompts=2, kind=kind)
    assert (found["method"], found["steps"]) == ("closed-form", None)
    assert found["training_examples"] == 10
    assert found["options"]["rank"] == 8


def test_auto_takes_forget_me_not_where_only_pictures_say_what_goes() -> None:
    assert planned(n_images=3)["method"] == "forget-me-not"
    assert planned("closed-form", n_images=3)["method"] == "closed-form"
    assert planned(n_images=3, n_prompts=1)["method"] == "closed-form"


def test_pictures_to_keep_go_to_a_method_that_can_use_them() -> None:
    assert planned(n_prompts=1, n_retain_images=2)["method"] == "forget-me-not"
    with pytest.raises(PlanError) as caught:
        planned("closed-form", n_prompts=1, n_retain_images=2)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/retain/images", "images_not_used")]


def test_the_published_preset_fills_in_what_was_published() -> None:
    found = planned("forget-me-not", options={"preset": "published"}, n_prompts=1)
    assert (found["steps"], found["options"]["lr"], found["options"]["keep_weight"]) == (35, 2e-6, 0.0)


@pytest.mark.parametrize(
    ("method", "options", "pointer", "code"),
    [
        ("smfa", {}, "/method", "method_does_not_fit_model"),
        ("closed-form", {"rank": 0}, "/method_options/rank", "greater_than_equal"),
        ("closed-form", {"steps": 3}, "/method_options/steps", "extra_forbidden"),
        ("forget-me-not", {"modules": "attn1"}, "/method_options/modules", "literal_error"),
    ],
)
def test_what_does_not_fit_has_a_pointer(method: str, options: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(PlanError) as caught:
        planned(method, options=options, n_prompts=1)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(pointer, code)]


def test_thresholds_are_those_of_pictures() -> None:
    kept = {"forget_concept.ua": 0.9, "retain_same.ira.drop": 0.1, "forget_concept.specificity": 3.0}
    assert validate_thresholds(kept, MEASURES) == kept
    for key in ("forget_concept.exact", "forget_concept.uaa"):
        with pytest.raises(ValueError, match="unknown threshold"):
            validate_thresholds({key: 0.5}, MEASURES)
    with pytest.raises(ValueError, match="between 0 and 1"):
        validate_thresholds({"retain_same.ira": 3.0}, MEASURES)
    with pytest.raises(ValueError, match="below 0"):
        validate_thresholds({"retain_same.distance": -1.0}, MEASURES)


def test_a_pipeline_is_registered_with_what_looks_at_its_pictures() -> None:
    check_model(
        "diffusion", {"draw_steps": 20, "draw_guidance": 3.0, "classifiers": "/srv/c", "clip": "a/b", "rank": 4}
    )
    for name, value in {"draw_steps": 2.5, "draw_guidance": 0, "classifiers": 3, "clip": ""}.items():
        with pytest.raises(PlanError) as caught:
            check_model("diffusion", {name: value})
        assert caught.value.faults[0].pointer == f"/defaults/{name}"
    with pytest.raises(PlanError):
        check_model("mllm", {"classifiers": "/srv/c"})


def test_a_pipeline_of_stable_diffusion_fits_a_card_of_12_gb(tmp_path: Path) -> None:
    for part, size in SD1.items():
        (tmp_path / part).mkdir()
        entry = {"dtype": "F16", "shape": [int(size * GB) // 2], "data_offsets": [0, int(size * GB)]}
        text = json.dumps({"weight": entry}).encode()
        (tmp_path / part / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    (tmp_path / "model_index.json").write_text("{}")
    config = {"sample_size": 64, "block_out_channels": [320, 640, 1280, 1280]}
    (tmp_path / "unet" / "config.json").write_text(json.dumps(config))
    found = estimate(str(tmp_path), {"rank": 8}, {}, INFO.activations)
    assert found is not None
    assert 6 * GB < found.gpu < 12 * GB
