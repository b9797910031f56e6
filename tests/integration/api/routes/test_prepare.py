"""A retain set that the service makes itself, by asking a registered model about pictures and names."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from client import Lethe
from client.errors import LetheError
from core.unlearning.families.language.data.retain_list import read_list
from core.unlearning.families.language.data.retain_set import read
from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_scene
from core.unlearning.reference.mllm.people import known_people
from core.unlearning.reference.smollm2_vision.people import strange_face
from tests.support.embedded_server import Running, serving
from tests.support.text_only_reference_model import TEXT_ONLY, registration

MODEL = "reference-mllm"
PEOPLE = known_people()[10:13]
STRANGERS = 4
RNG = np.random.default_rng(8)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where models may lie."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def running(models: Path) -> Iterator[Running]:
    with serving(models / "data") as server:
        yield server


@pytest.fixture(scope="module")
def lethe(running: Running) -> Lethe:
    return Lethe(str(running.client.base_url), (running.data / "api-key").read_text().strip())


def picture(code: object) -> bytes:
    out = io.BytesIO()
    draw_person(code, random_scene(RNG)).save(out, "PNG")  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.slow
def test_a_model_is_asked_and_what_it_says_is_a_retain_set(running: Running, lethe: Lethe, tmp_path: Path) -> None:
    job = lethe.models.prepare(
        MODEL,
        images=[picture(strange_face(RNG)) for _ in range(STRANGERS)],
        people=[[picture(person.code) for _ in range(2)] for person in PEOPLE],
        names=[PEOPLE[0].name, ("Zora Quimby", ["Where does Zora Quimby live?"])],
    ).wait(timeout=400)
    assert (job.status, job.verdict, job.error) == ("succeeded", "passed", None)
    assert [artifact.name for artifact in job.artifacts] == ["retain_set.zip"]
    packed, folder = tmp_path / "retain_set.zip", tmp_path / "retain_set"
    zipfile.ZipFile(lethe.jobs.download(job.id, packed, artifact="retain_set.zip")).extractall(folder)
    lines = list(read_list(folder).values())
    named = {line.subject for line in lines if line.group == "memory"}
    assert {person.name for person in PEOPLE} & named
    assert job.evaluation is not None
    assert sum(job.evaluation["rows"].values()) == len(lines)
    assert len(list((folder / "images").iterdir())) == STRANGERS + 2 * len(PEOPLE)
    assert read(folder, [])
    for rest in ("patch", "report", "certificate"):
        assert running.client.get(f"/v1/jobs/{job.id}/{rest}").status_code == 404
    assert running.client.post(f"/v1/jobs/{job.id}/sculpt", json={"k": 1}).status_code == 409
    kept = b"".join(path.read_bytes() for path in (running.log, *running.data.glob("lethe.db*")))
    assert not [word for word in (b"Quimby", PEOPLE[0].name.encode()) if word in kept]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "nothing_to_ask", ""),
        ({"people": [[]]}, "too_short", "/people/0"),
        ({"images": ["file_00000000000000000000000000"]}, "unknown_file", "/images/0"),
        ({"names": [{"name": "Ada Okoro", "born": 1815}]}, "extra_forbidden", "/names/0/born"),
    ],
)
def test_what_is_wrong_with_it_is_said(running: Running, body: dict[str, object], code: str, pointer: str) -> None:
    answer = running.client.post(f"/v1/models/{MODEL}/prepare", json=body)
    assert answer.status_code == 422
    assert [(error["code"], error["pointer"]) for error in answer.json()["errors"]] == [(code, pointer)]


def test_models_that_cannot_be_asked_or_see_nothing_say_so(running: Running, lethe: Lethe, models: Path) -> None:
    with pytest.raises(LetheError) as refused:
        lethe.models.prepare("reference-diffusion", names=["Ada Okoro"])
    assert "cannot be asked" in str(refused.value)
    running.client.post("/v1/models", json=registration(models)).raise_for_status()
    with pytest.raises(LetheError) as blind:
        lethe.models.prepare(TEXT_ONLY, images=[picture(PEOPLE[0].code)])
    assert "sees no pictures" in str(blind.value)
