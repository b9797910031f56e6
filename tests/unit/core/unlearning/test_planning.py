"""What a request becomes, before anything is loaded."""

from __future__ import annotations

import json

import pytest

from core.unlearning.planning import PlanError, check_model, plan
from core.unlearning.types import Brought


def test_auto_chooses_by_family_and_says_why() -> None:
    planned = plan("mllm", "auto", {}, Brought(n_images=2, n_prompts=3, names=1))
    assert planned["method"] == "smfa"
    assert "images and a name" in planned["reason"]
    assert planned["options"]["rank"] == 16
    assert planned["training_examples"] > 9


def test_options_go_request_then_model_then_method() -> None:
    planned = plan("mllm", "smfa", {"rank": 4}, Brought(names=1), {"rank": 8, "alpha": 2.0, "unknown_elsewhere": 1})
    assert planned["options"]["rank"] == 4
    assert planned["options"]["alpha"] == 2.0
    assert planned["options"]["dropout"] == 0.0


def test_a_plan_is_plain_json_even_with_an_infinite_k() -> None:
    planned = plan("mllm", "smfa", {"k_image": "inf"}, Brought(names=1))
    assert json.loads(json.dumps(planned, allow_nan=False))["options"]["k_image"] == "inf"
    assert plan("mllm", "smfa", planned["options"], Brought(names=1)) == planned


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
        plan("mllm", "smfa", options, Brought(names=1))
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
        plan(family, method, {}, Brought(names=1))
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/method", code)]


@pytest.mark.parametrize("family", ["mllm", "diffusion"])
def test_what_a_family_cannot_hear_or_forget_is_refused(family: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(family, "auto", {}, Brought(names=1, n_audio=1, modalities=("image", "audio")))
    faults = [(fault.pointer, fault.code) for fault in caught.value.faults]
    assert faults == [("/modalities/1", "modality_not_supported"), ("/audio", "audio_not_supported")]


def test_a_classifier_forgets_what_it_saw_by_name_picture_or_clip() -> None:
    for brought in (Brought(names=1, rows=20), Brought(n_images=20), Brought(n_audio=20), Brought(n_images=5, rows=15)):
        planned = plan("audiovisual", "auto", {}, brought)
        assert (planned["method"], planned["training_examples"]) == ("ccu", 20)
        assert planned["steps"] == planned["options"]["epochs"]
    with pytest.raises(PlanError) as caught:
        plan("audiovisual", "auto", {}, Brought(names=1, modalities=("text", "audio", "image")))
    assert [fault.pointer for fault in caught.value.faults] == ["/modalities/0", "/modalities/1"]


def test_a_classifier_may_have_several_references() -> None:
    check_model("audiovisual", {"oracle": ["/models/one", "/models/two"], "rank": 4})
    check_model("audiovisual", {"oracle": "/models/one"})
    for family, oracle in (("audiovisual", []), ("audiovisual", [1]), ("audiovisual", ""), ("mllm", ["/models/one"])):
        with pytest.raises(PlanError) as caught:
            check_model(family, {"oracle": oracle})
        assert [fault.pointer for fault in caught.value.faults] == ["/defaults/oracle"]


def test_more_brought_is_more_to_train_up_to_the_levels_limit() -> None:
    few, many, most = (
        plan("mllm", "auto", {}, Brought(n_images=n, n_prompts=2, names=1, level="quick"))["training_examples"]
        for n in (1, 3, 200)
    )
    assert few < many < most <= 320


def test_a_model_is_checked_before_it_is_registered() -> None:
    check_model("mllm", {"rank": 8})
    for family, defaults, pointer in [("poetry", {}, "/family"), ("mllm", {"colour": 1}, "/defaults/colour")]:
        with pytest.raises(PlanError) as caught:
            check_model(family, defaults)
        assert caught.value.faults[0].pointer == pointer
