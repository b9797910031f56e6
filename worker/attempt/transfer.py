"""Uploads and downloads of artefacts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import structlog

from core.service.jobs.artifacts import ArtifactRow, attempt_prefix
from core.service.jobs.claims import Claim
from core.service.storage.port import ObjectCorrupt, ObjectMissing, ObjectStore, StoreError
from core.unlearning.jobs.work import OutputFile

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each further attempt while the store is unavailable, a minute in all."""
_T = TypeVar("_T")

log = structlog.get_logger(__name__)


def upload(
    store: ObjectStore, claim: Claim, files: Iterable[OutputFile], alive: Callable[[], None]
) -> list[ArtifactRow]:
    """Upload an attempt's files under its own prefix. `alive` is called before each try, and may raise to end it."""
    return [_retry(lambda file=file: _put(store, claim, file), alive) for file in files]  # type: ignore[misc]


def download(store: ObjectStore, row: ArtifactRow, out: Path, alive: Callable[[], None]) -> None:
    """Download an artefact. Raises `ObjectCorrupt` if it does not match its digest."""
    _retry(lambda: _get(store, row, out), alive)


def _put(store: ObjectStore, claim: Claim, file: OutputFile) -> ArtifactRow:
    key = attempt_prefix(claim.job_id, claim.attempt) + file.name
    with file.path.open("rb") as stream:
        stored = store.put(key, stream, size=file.path.stat().st_size)
    return ArtifactRow(file.name, file.media_type, stored.size, stored.sha256, stored.key)


def _get(store: ObjectStore, row: ArtifactRow, out: Path) -> None:
    with out.open("wb") as stream:
        for chunk in store.open(row.storage_key, sha256=row.sha256):
            stream.write(chunk)


def _retry(work: Callable[[], _T], alive: Callable[[], None]) -> _T:
    for pause in PAUSES:
        alive()
        try:
            return work()
        except (ObjectMissing, ObjectCorrupt):
            raise
        except StoreError as error:
            log.warning("store_away", error=type(error).__name__, retry_in=pause)
            time.sleep(pause)
    return work()
