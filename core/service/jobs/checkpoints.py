"""Checkpoints of unfinished jobs, encrypted under the job's key: erasing the key makes them unreadable, too.

An attempt writes under its own prefix. A row says which object is valid; the row changes only under a live lease.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from hashlib import sha256

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.crypto.keyring import DecryptionError, WrappedKey
from core.service.db.engine import after_commit
from core.service.db.tables.jobs import Checkpoint, Job
from core.service.jobs import lease
from core.service.jobs.artifacts import attempt_prefix
from core.service.jobs.claims import Claim, LeaseLost, holds_lease
from core.service.kit.clock import now
from core.service.storage.erase import erase_object
from core.service.storage.port import ObjectMissing

CHUNK = 64 * 2**20
"""Bytes that are encrypted at once: AES-GCM has an upper limit, and memory is limited, too."""
OVERHEAD = 28
"""Bytes that encryption adds to a chunk: nonce and tag."""


def save(services: Services, claim: Claim, name: str, data: bytes, fraction: float) -> None:
    """Save a checkpoint, replacing an older one of this name. `fraction`: how far the job is with it.

    Raises `LeaseLost` and `StoreError`; then nothing has changed.
    """
    wrapped = _key_of(services, claim)
    digest = sha256(data).hexdigest()
    key = f"{attempt_prefix(claim.job_id, claim.attempt)}checkpoints/{name}-{digest[:16]}"
    services.storage.put(key, b"".join(_encrypted_chunks(services, wrapped, data, key)))
    try:
        with services.db.write() as session:
            lease.set_checkpoint_fraction(session, claim, fraction)
            _update_row(services, session, claim, name, len(data), key)
    except BaseException:
        erase_object(services.storage, key)
        raise


def load(services: Services, claim: Claim, name: str) -> bytes | None:
    """The last checkpoint of this name by any attempt; None if there is none. Raises `LeaseLost` and `StoreError`."""
    with services.db.read() as session:
        row = session.get(Checkpoint, (claim.job_id, name))
    if row is None:
        return None
    wrapped = _key_of(services, claim)
    try:
        return _decrypted(services, wrapped, services.storage.read(row.storage_key), row)
    except (ObjectMissing, DecryptionError):
        return None


def drop(s: Session, job_id: str) -> None:
    """Delete the rows: no attempt will go on from these checkpoints. `clean_attempts` deletes the objects."""
    s.execute(delete(Checkpoint).where(Checkpoint.job_id == job_id))
    s.execute(update(Job).where(Job.id == job_id).values(checkpoint_fraction=0.0))


def _key_of(services: Services, claim: Claim) -> WrappedKey:
    with services.db.read() as session:
        row = session.execute(select(Job.wrapped_key).where(holds_lease(claim))).one_or_none()
    if row is None or row.wrapped_key is None:
        raise LeaseLost
    return WrappedKey(row.wrapped_key)


def _update_row(services: Services, s: Session, claim: Claim, name: str, size: int, key: str) -> None:
    row = s.get(Checkpoint, (claim.job_id, name))
    if row is None:
        row = Checkpoint(job_id=claim.job_id, name=name)
        s.add(row)
    elif row.storage_key != key:
        after_commit(s, partial(erase_object, services.storage, row.storage_key))
    row.attempt, row.size, row.storage_key, row.kept_at = claim.attempt, size, key, now()
    s.flush()


def _encrypted_chunks(services: Services, wrapped: WrappedKey, data: bytes, key: str) -> Iterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield services.keyring.encrypt(wrapped, data[start : start + CHUNK], f"{key}#{start}")


def _decrypted(services: Services, wrapped: WrappedKey, blob: bytes, row: Checkpoint) -> bytes:
    parts = []
    for n, start in enumerate(range(0, row.size, CHUNK)):
        offset = start + n * OVERHEAD
        sealed = blob[offset : offset + CHUNK + OVERHEAD]
        parts.append(services.keyring.decrypt(wrapped, sealed, f"{row.storage_key}#{start}"))
    whole = b"".join(parts)
    if len(whole) != row.size:
        raise DecryptionError("a checkpoint is shorter than it was")
    return whole
