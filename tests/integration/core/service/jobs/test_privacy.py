"""The subject's data lies encrypted in one place: a canary that sings is looked for everywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.service.context import Services
from core.service.db.tables.files import File
from core.service.db.tables.jobs import Job
from core.service.errors import ExternalIdExists, InputErased, InvalidRequest
from core.service.jobs import lease, lifecycle
from core.service.jobs.inputs import load_input
from core.service.jobs.sweep.sweep import sweep
from tests.support.service import finish, must_take, open_services, png, settings_for, submit, take, upload

NAME, PROMPT, ALIAS, KEPT, INSTEAD = (f"canary-{word}-7c1f" for word in ("name", "prompt", "alias", "kept", "instead"))
PICTURE = png(64, 64) + b"canary-picture-7c1f"
UPLOAD = png(32, 32) + b"canary-upload-7c1f"
CANARIES = [
    *(word.encode() for word in (NAME, PROMPT, ALIAS, KEPT, INSTEAD)),
    PICTURE[-19:],
    UPLOAD[-18:],
    PICTURE[:90],
]


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path)) as opened:
        yield opened


def sing(services: Services, **changes: object) -> str:
    file_id = upload(services, PICTURE).id
    return submit(
        services,
        [UPLOAD],
        entity={"name": NAME, "aliases": [ALIAS]},
        prompts=[PROMPT],
        images=[file_id],
        replacement=INSTEAD,
        retain={"prompts": [KEPT], "entities": [KEPT]},
        **changes,
    ).id


def heard(folder: Path) -> list[tuple[str, bytes]]:
    """Every file below `folder`, names included, that holds a canary."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "lethe.db" for path in files)
    return [(path.name, bird) for path in files for bird in CANARIES if bird in str(path).encode() + path.read_bytes()]


def test_no_canary_sings_outside_the_encrypted_blobs(services: Services, tmp_path: Path) -> None:
    finished, failed, cancelled, running, deleted = (sing(services) for _ in range(5))
    finish(services, must_take(services, finished))
    claim = must_take(services, failed)
    with services.db.write() as s:
        lease.set_phase(s, claim, "training", 3)
        lease.fail(s, claim, "out_of_memory", "Too large.", retryable=True)
        lifecycle.cancel(s, "acme", cancelled)
        lifecycle.delete(services, s, "acme", deleted)
    claim = must_take(services, running)
    given = load_input(services, claim)
    assert given.images == (PICTURE, UPLOAD)
    assert NAME in str(given.request)
    sing(services, external_id="DSR-1")
    with pytest.raises(ExternalIdExists) as refused:
        sing(services, external_id="DSR-1")
    assert NAME not in str(vars(refused.value))
    with pytest.raises(InvalidRequest) as faulty:
        submit(services, prompts=[PROMPT * 1000])
    assert PROMPT not in str(vars(faulty.value))
    sweep(services)
    assert heard(tmp_path) == []


def blobs(services: Services, job_id: str) -> list[str]:
    return list(services.storage.list(f"inputs/{job_id}/"))


def test_a_changed_blob_is_noticed(services: Services) -> None:
    job_id = sing(services)
    for key in blobs(services, job_id):
        good = services.storage.read(key)
        for bad in (good[:-1] + bytes([good[-1] ^ 1]), bytes([good[0] ^ 1]) + good[1:], good[:-1], b""):
            services.storage.put(key, bad)
            claim = must_take(services, job_id)
            with pytest.raises(InputErased):
                load_input(services, claim)
            with services.db.write() as s:
                lease.release(s, claim)
        services.storage.put(key, good)


def test_a_blob_cannot_stand_in_for_another(services: Services) -> None:
    first, second = sing(services), sing(services)
    (request_of_first, *_), (request_of_second, *_) = blobs(services, first)[::-1], blobs(services, second)[::-1]
    image = blobs(services, first)[0]
    whole = services.storage.read(request_of_first)
    for key, other in ((request_of_first, request_of_second), (image, request_of_first)):
        services.storage.put(key, services.storage.read(other))
        claim = must_take(services, first)
        with pytest.raises(InputErased):
            load_input(services, claim)
        with services.db.write() as s:
            lease.release(s, claim)
        services.storage.put(request_of_first, whole)


def test_a_copy_of_the_store_is_worth_nothing_once_the_key_is_destroyed(services: Services) -> None:
    job_id = sing(services)
    copy = {key: services.storage.read(key) for key in services.storage.list("")}
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", job_id)
    assert list(services.storage.list("")) == []
    for key, blob in copy.items():
        services.storage.put(key, blob)
    assert take(services, job_id) is None
    with services.db.read() as s:
        assert s.get_one(Job, job_id).wrapped_key is None
        assert s.query(File).all() == []
