"""Estimates from a checkpoint's headers: none of these files holds a single weight."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from core.service.doorbell.celery import CLASSES_GB, GB, QUEUE, queue_of, queues_for
from core.unlearning import reference
from core.unlearning.families.registry import families
from core.unlearning.hardware.requirements import Requirements, estimate, layer_activations
from core.unlearning.planning import PlanError, check_model

LAYER = {"q": [4096, 4096], "k": [4096, 4096], "v": [4096, 4096], "o": [4096, 4096]}
LAYER |= {"gate": [11008, 4096], "up": [11008, 4096], "down": [4096, 11008]}


@pytest.fixture
def seven_billion(tmp_path: Path) -> str:
    """The headers of a LLaVA of 7 billion parameters in half precision, in two files."""
    half = {f"layers.{n}.{name}_proj.weight": shape for n in range(16) for name, shape in LAYER.items()}
    for number, extra in enumerate(({"embed_tokens.weight": [32064, 4096]}, {"lm_head.weight": [32064, 4096]})):
        start, header = 0, {}
        for name, shape in {**half, **extra}.items():
            end = start + 2 * math.prod(shape)
            header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
            start = end
        text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
        (tmp_path / f"model-{number}.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    config = {"image_seq_length": 576, "text_config": {"hidden_size": 4096, "num_hidden_layers": 32}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return str(tmp_path)


def need(source: str, options: dict[str, Any] | None = None, family: str = "mllm", **defaults: Any) -> Requirements:
    found = estimate(source, {"rank": 16, **(options or {})}, defaults, families()[family].activations)
    assert found is not None
    return found


def test_seven_billion_weights_need_a_card_of_24_gb_for_four_bits_are_measured_unpacked(seven_billion: str) -> None:
    whole = need(seven_billion)
    assert 16 * GB < whole.gpu <= 24 * GB
    assert queue_of(whole.gpu) == f"{QUEUE}.24gb"
    assert whole.cpu > 50 * GB
    pressed = need(seven_billion, {"precision": "4bit"})
    assert 18 * GB < pressed.gpu <= 24 * GB
    assert 18 * GB < pressed.cpu < whole.cpu
    assert pressed.host < whole.host


def test_more_rank_and_more_precision_need_more(seven_billion: str) -> None:
    assert need(seven_billion, {"rank": 64}).gpu > need(seven_billion).gpu
    assert need(seven_billion, {"precision": "float32"}).gpu > need(seven_billion).gpu + 12 * GB


def test_a_model_without_pictures_keeps_less_of_a_row(seven_billion: str) -> None:
    assert need(seven_billion, family="llm").gpu < need(seven_billion).gpu
    config = {"hidden_size": 4096, "num_hidden_layers": 32}
    assert families()["llm"].activations(config, {}) == layer_activations(128, 4096, 32)


def test_training_whole_matrices_needs_many_times_the_weights(seven_billion: str) -> None:
    assert need(seven_billion, {"fisher_rows": 64}).gpu > 120 * GB


def test_what_was_registered_goes_before_the_estimate(seven_billion: str) -> None:
    assert need(seven_billion, memory_gb=30).gpu == 30 * GB
    assert need("owner/name", memory_gb=30).gpu == 30 * GB


def test_the_reference_model_fits_anywhere() -> None:
    found = need(str(reference.bundled_path("mllm")))
    assert found.cpu < GB
    assert queue_of(found.gpu) == f"{QUEUE}.2gb"


@pytest.mark.parametrize("content", [None, b"", b"\xff" * 16, b"\x02" + b"\0" * 7 + b"[]"])
def test_of_what_cannot_be_read_nothing_is_known(content: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    if content is not None:
        (tmp_path / "model.safetensors").write_bytes(content)
    assert estimate(str(tmp_path), {}, {}, families()["mllm"].activations) is None
    assert estimate("owner/name", {}, {}, families()["mllm"].activations) is None


@pytest.mark.parametrize("wrong", [0, -1, "24", True, None, float("inf"), float("nan")])
def test_a_need_is_a_number_of_gigabytes(wrong: object) -> None:
    check_model("mllm", {"memory_gb": 24})
    with pytest.raises(PlanError):
        check_model("mllm", {"memory_gb": wrong})


def test_a_worker_listens_to_what_is_sure_to_fit() -> None:
    card = queues_for("gpu", 25_757_220_864)
    assert card[0] == queue_of(None)
    assert f"{QUEUE}.24gb" in card
    assert f"{QUEUE}.32gb" not in card
    assert queues_for("cpu", 64 * GB)[-1] == f"{QUEUE}.32gb"
    assert queues_for("cpu", GB) == [QUEUE, f"{QUEUE}.2gb"]
    assert queue_of(10**15) == f"{QUEUE}.{CLASSES_GB[-1]}gb"


def test_a_classifier_needs_room_for_all_pictures_that_a_step_compares(tmp_path: Path) -> None:
    text = json.dumps({"w": {"dtype": "F32", "shape": [64, 64], "data_offsets": [0, 4 * 64 * 64]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    vision = {"image_size": 224, "patch_size": 16, "hidden_size": 768, "num_hidden_layers": 12}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "lethe-audiovisual", "vision_config": vision}))
    source = str(tmp_path)
    one = need(source, {"batch": 1, "keep_batch": 1}, "audiovisual").gpu
    assert need(source, {"batch": 32, "keep_batch": 64}, "audiovisual").gpu - one == 2 * 34 * 94 * 197 * 768 * 12
    vision = {"hidden_sizes": [96, 192], "depths": [3, 3]}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "lethe-audiovisual", "vision_config": vision}))
    os.utime(tmp_path / "config.json", (0, 0))
    assert (
        need(source, {"batch": 2}, "audiovisual").gpu - need(source, {"batch": 1}, "audiovisual").gpu
        == 2 * 34 * 197 * 192 * 6
    )
