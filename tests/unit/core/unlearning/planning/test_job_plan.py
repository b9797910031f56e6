"""What a request becomes, before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.unlearning.planning import PlanError, PlanRequest, check_model, plan, plan_consolidation
from core.unlearning.types import ModelSpec


def planned(
    family: str, method: str = "auto", defaults: dict[str, Any] | None = None, **request: Any
) -> dict[str, Any]:
    """The plan of a request for a model of the family."""
    spec = ModelSpec("model", family, "owner/name", defaults=defaults or {})
    return plan(spec, PlanRequest(method=method, **request))


def test_auto_chooses_by_family_and_says_why() -> None:
    found = planned("mllm", n_images=2, n_prompts=3, names=("Ada",))
    assert found["method"] == "smfa"
    assert "images and a name" in found["reason"]
    assert found["options"]["rank"] == 16
    assert found["training_examples"] > 9


def test_options_go_request_then_model_then_method() -> None:
    defaults = {"rank": 8, "alpha": 2.0, "unknown_elsewhere": 1}
    found = planned("mllm", "smfa", defaults, options={"rank": 4}, n_prompts=1)
    assert found["options"]["rank"] == 4
    assert found["options"]["alpha"] == 2.0
    assert found["options"]["dropout"] == 0.0


def test_a_plan_is_plain_json_even_with_an_infinite_k() -> None:
    found = planned("mllm", "smfa", options={"k_image": "inf"}, n_prompts=1)
    assert json.loads(json.dumps(found, allow_nan=False))["options"]["k_image"] == "inf"
    assert planned("mllm", "smfa", options=found["options"], n_prompts=1) == found


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"rank": 0}, "/method_options/rank"),
        ({"rnak": 4}, "/method_options/rnak"),
        ({"a/b~": 1}, "/method_options/a~1b~0"),
    ],
)
def test_each_bad_option_has_a_pointer(options: dict[str, object], pointer: str) -> None:
    with pytest.raises(PlanError) as caught:
        planned("mllm", "smfa", options=options, n_prompts=1)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


@pytest.mark.parametrize(
    ("family", "method", "code"),
    [
        ("mllm", "no-such-method", "unknown_method"),
        ("diffusion", "smfa", "method_does_not_fit_model"),
        ("no-such-family", "auto", "no_method_fits"),
    ],
)
def test_a_method_must_exist_and_fit(family: str, method: str, code: str) -> None:
    with pytest.raises(PlanError) as caught:
        planned(family, method, n_prompts=1)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/method", code)]


def test_a_language_model_without_pictures_forgets_by_name() -> None:
    found = planned("llm", names=("Ada", "Countess"))
    assert (found["method"], found["views"]) == ("smfa", ["text"])
    assert "a name" in found["reason"]
    assert found["training_examples"] > 2
    assert planned("llm", "mmunlearner", names=("Ada",))["method"] == "mmunlearner"
    with pytest.raises(PlanError) as caught:
        planned("llm", names=("Ada",), n_images=2, n_retain_images=1)
    faults = [(fault.pointer, fault.code) for fault in caught.value.faults]
    assert faults == [("/images", "images_not_supported"), ("/retain/images", "images_not_supported")]
    with pytest.raises(PlanError) as caught:
        planned("llm", n_prompts=2)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/entity/name", "nothing_to_forget")]


def test_a_method_for_pictures_needs_some_of_a_model_that_sees() -> None:
    with pytest.raises(PlanError) as caught:
        planned("mllm", "mmunlearner", names=("Ada",), n_prompts=1)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/images", "images_required")]


@pytest.mark.parametrize("family", ["mllm", "diffusion"])
def test_what_a_family_cannot_hear_or_forget_is_refused(family: str) -> None:
    with pytest.raises(PlanError) as caught:
        planned(family, names=("Ada",), n_audio=1, modalities=("image", "audio"))
    faults = [(fault.pointer, fault.code) for fault in caught.value.faults]
    assert faults == [("/modalities/1", "modality_not_supported"), ("/audio", "audio_not_supported")]


def test_a_classifier_forgets_what_it_saw_by_name_picture_or_clip(tmp_path: Path) -> None:
    rows = [{"part": "train", "subject": name} for name in ["Ada"] * 20 + ["Bo"] * 15]
    (tmp_path / "examples.jsonl").write_text("\n".join(map(json.dumps, rows)))
    spec = ModelSpec("model", "audiovisual", "owner/name", retain_set=tmp_path)
    for brought in ({"names": ("Ada",)}, {"n_images": 20}, {"n_audio": 20}, {"n_images": 5, "names": ("Bo",)}):
        found = plan(spec, PlanRequest(**brought))
        assert (found["method"], found["training_examples"]) == ("ccu", 20)
        assert found["steps"] == found["options"]["epochs"]
    with pytest.raises(PlanError) as caught:
        plan(spec, PlanRequest(names=("Ada",), modalities=("text", "audio", "image")))
    assert [fault.pointer for fault in caught.value.faults] == ["/modalities/0", "/modalities/1"]


@pytest.mark.parametrize(
    ("family", "request_", "detail"),
    [
        ("mllm", {"names": ("Ada",)}, "Give images, prompts, or both."),
        ("diffusion", {}, "Give images, prompts, or both."),
        ("audiovisual", {"n_prompts": 2}, "Give images, sound clips or a name."),
    ],
)
def test_a_request_must_bring_something_that_the_family_can_forget(
    family: str, request_: dict[str, Any], detail: str
) -> None:
    with pytest.raises(PlanError) as caught:
        planned(family, **request_)
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.code, fault.detail) == ("/images", caught.value.code, detail)
    assert fault.code == "nothing_to_forget"


def test_a_threshold_must_be_one_of_the_family() -> None:
    planned("mllm", n_prompts=1, thresholds={"forget_text_memory.exact": 0.1})
    with pytest.raises(PlanError) as caught:
        planned("mllm", n_prompts=1, thresholds={"forget_text_memory.exact": 0.1, "a/b": 2.0})
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.code) == ("/evaluation/thresholds/a~1b", "invalid_threshold")


def test_the_options_of_a_consolidation_are_checked_too() -> None:
    spec = ModelSpec("model", "mllm", "owner/name", defaults={"memory_gb": 4})
    found = plan_consolidation(spec, {"level": "quick"})
    assert (found["level"], found["options"]["level"], found["memory"]["gpu_bytes"]) == ("quick", "quick", 4 * 10**9)
    with pytest.raises(PlanError) as caught:
        plan_consolidation(spec, {"seed": -1})
    assert [fault.pointer for fault in caught.value.faults] == ["/options/seed"]


def test_a_classifier_may_have_several_references() -> None:
    check_model("audiovisual", {"oracle": ["/models/one", "/models/two"], "rank": 4})
    check_model("audiovisual", {"oracle": "/models/one"})
    for family, oracle in (("audiovisual", []), ("audiovisual", [1]), ("audiovisual", ""), ("mllm", ["/models/one"])):
        with pytest.raises(PlanError) as caught:
            check_model(family, {"oracle": oracle})
        assert [fault.pointer for fault in caught.value.faults] == ["/defaults/oracle"]


def test_more_brought_is_more_to_train_up_to_the_levels_limit() -> None:
    few, many, most = (
        planned("mllm", n_images=n, n_prompts=2, names=("Ada",), level="quick")["training_examples"]
        for n in (1, 3, 200)
    )
    assert few < many < most <= 320


def test_a_model_is_checked_before_it_is_registered() -> None:
    check_model("mllm", {"rank": 8})
    for family, defaults, pointer in [("poetry", {}, "/family"), ("mllm", {"colour": 1}, "/defaults/colour")]:
        with pytest.raises(PlanError) as caught:
            check_model(family, defaults)
        assert caught.value.faults[0].pointer == pointer
