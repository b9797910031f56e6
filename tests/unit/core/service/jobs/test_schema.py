"""What a request may look like, and how settings are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.service.jobs.schema import JobCreate, SculptBody
from core.service.settings import Settings

FILE = "file_01J9Z3NDEKTSV4RRFFQ69G5FAV"
FULL: dict[str, Any] = {
    "request": "req_01J9Z3NDEKTSV4RRFFQ69G5FAV",
    "model": "reference-mllm",
    "entity": {"name": "Ada Okoro", "kind": "identity", "aliases": ["A. Okoro"]},
    "prompts": ["Where was this person born?"],
    "images": [FILE],
    "audio": [FILE],
    "method": "auto",
    "method_options": {"rank": 8},
    "replacement": None,
    "modalities": ["image", "text"],
    "retain": {"images": [], "prompts": [], "entities": []},
    "evaluation": {"level": "standard", "thresholds": {"forget_image_memory.exact": 0.02}},
    "external_id": "DSR-2291",
    "metadata": {"ticket": "2291"},
}


def test_the_whole_request_and_its_defaults() -> None:
    assert JobCreate.model_validate(FULL).model_dump(mode="json") == FULL
    short = JobCreate.model_validate({"model": "m", "entity": {"name": "Ada"}}).model_dump(mode="json")
    assert (short["method"], short["modalities"], short["images"]) == ("auto", None, [])
    assert short["entity"] == {"name": "Ada", "kind": "identity", "aliases": []}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"extra": 1}, ("extra",)),
        ({"entity": {"name": "Ada", "age": 3}}, ("entity", "age")),
        ({"entity": {"name": "Ada", "kind": "person"}}, ("entity", "kind")),
        ({"entity": {"name": "   "}}, ("entity", "name")),
        ({"entity": {"name": "a\x00b"}}, ("entity", "name")),
        ({"entity": {"name": "a" * 201}}, ("entity", "name")),
        ({"prompts": ["fine", ""]}, ("prompts", 1)),
        ({"prompts": ["a\x00"]}, ("prompts", 0)),
        ({"prompts": ["\ud800"]}, ("prompts", 0)),
        ({"prompts": "not a list"}, ("prompts",)),
        ({"images": ["../etc/passwd"]}, ("images", 0)),
        ({"modalities": []}, ("modalities",)),
        ({"modalities": ["smell"]}, ("modalities", 0)),
        ({"evaluation": {"level": "lazy"}}, ("evaluation", "level")),
        ({"evaluation": {"thresholds": {"a": float("nan")}}}, ("evaluation", "thresholds", "a")),
        ({"external_id": ""}, ("external_id",)),
        ({"external_id": "x" * 256}, ("external_id",)),
        ({"metadata": {str(n): "" for n in range(17)}}, ("metadata",)),
        ({"metadata": {"k" * 65: "v"}}, ("metadata", "k" * 65, "[key]")),
        ({"metadata": {"k": "v" * 513}}, ("metadata", "k")),
        ({"metadata": {"k": 1}}, ("metadata", "k")),
        ({"model": None}, ("model",)),
        ({"retain": {"images": [1]}}, ("retain", "images", 0)),
    ],
)
def test_each_fault_has_its_place(changes: dict[str, Any], place: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        JobCreate.model_validate({**FULL, **changes})
    assert [error["loc"] for error in refused.value.errors()] == [place]


def test_sixteen_pairs_of_metadata_are_allowed() -> None:
    pairs = {f"{n:064}": "v" * 512 for n in range(16)}
    assert JobCreate.model_validate({**FULL, "metadata": pairs}).metadata == pairs


@pytest.mark.parametrize("body", [{"k": 1.0}, {"k_image": 1, "k_text": 0}, {"k_text": 2}, {"utility_floor": 0.98}])
def test_ways_to_sculpt(body: dict[str, float]) -> None:
    assert SculptBody.model_validate(body).model_dump(exclude_none=True) == body


@pytest.mark.parametrize(
    "body",
    [{}, {"k": 1, "k_image": 1}, {"k": 1, "utility_floor": 0.9}, {"k": -1}, {"k": float("inf")}, {"utility_floor": 0}],
)
def test_ways_not_to_sculpt(body: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SculptBody.model_validate(body)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "STORAGE_URL", "BROKER_URL", "MASTER_KEY"):
        monkeypatch.delenv(f"LETHE_{name}", raising=False)
    monkeypatch.setenv("LETHE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LETHE_MODEL_ROOTS", f"{tmp_path}:/models")
    monkeypatch.setenv("LETHE_S3_SECRET_KEY", "hush")
    settings = Settings()
    assert settings.model_roots == [tmp_path, Path("/models")]
    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/lethe.db"
    assert settings.resolved_storage_url == f"file://{tmp_path}/store"
    assert "hush" not in repr(settings)
    for given in ("postgres", "postgresql", "postgresql+psycopg"):
        url = Settings(database_url=f"{given}://u:hush@h/db")
        assert url.resolved_database_url == "postgresql+psycopg://u:hush@h/db"
        assert "hush" not in repr(url)
        assert "hush" not in str(url.model_dump())
    assert Settings(metrics_token="").metrics_token is None
    for wrong in ({"lease_seconds": 10, "heartbeat_seconds": 6}, {"metrics_token": "too short"}):
        with pytest.raises(ValidationError):
            Settings(**wrong)
