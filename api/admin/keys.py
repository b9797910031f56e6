"""`lethe admin rotate-master-key` and `rotate-signing-key`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from api.admin.context import ACTOR, AdminError, open_services
from core.service import audit, rotation, signing_keys
from core.service.context import Services
from core.service.crypto.master_keys import key_file, new_master_key
from core.service.crypto.secret_files import replace
from core.service.db.engine import keyring_of
from core.service.errors import NotFound
from core.service.settings import Settings
from core.unlearning.patches.signing import Signer

RETIRE_AFTER = 60.0
"""Seconds after which no request that began under the old key is still running."""


def rotate_master_key(
    context: typer.Context,
    retire: Annotated[bool, typer.Option("--retire", help="Forget the old key, once nothing is under it.")] = False,
) -> None:
    """Wrap every key of jobs, files and webhooks under a new master key. Data is not touched; stop and go on at will.

    A key file gets the new key by itself, and a running server takes it up. Where the key is a setting, first set
    LETHE_OTHER_MASTER_KEY everywhere: to the new key, then, as the two change places, to the old one.
    """
    with open_services(context) as services:
        if retire:
            _retire(services)
        else:
            _rotate(services)


def rotate_signing_key(context: typer.Context) -> None:
    """Sign with a new key from now on. The old one is destroyed; what it signed can still be verified."""
    settings: Settings = context.obj
    path = settings.resolved_signing_key_file
    with open_services(context) as services:
        old = Signer.load_or_create(path)
        _publish(services, old)
        new = Signer.replace(path)
        with services.db.write() as session:
            signing_keys.publish(session, new.key_id, new.public_key)
            details = {"replaced": old.key_id}
            audit.record(session, audit.INSTALLATION, ACTOR, "signing_key.rotated", new.key_id, details)
    typer.echo(
        f"{new.key_id} signs from now on, {old.key_id} stays published; restart workers, so that they take it up"
    )


def withdraw_signing_key(
    context: typer.Context, key_id: Annotated[str, typer.Argument(help="Id of the key, as patches name it.")]
) -> None:
    """Let nothing that a key has signed be trusted any more, as when the key was stolen."""
    path = context.obj.resolved_signing_key_file
    if path.exists() and Signer.load_or_create(path).key_id == key_id:
        raise AdminError("this key signs at present: first run lethe admin rotate-signing-key, and restart the workers")
    with open_services(context) as services, services.db.write() as session:
        try:
            signing_keys.withdraw(session, key_id, ACTOR)
        except NotFound:
            raise AdminError("no key of this id was ever published") from None
    typer.echo(f"{key_id} is withdrawn; lethe verify --keys refuses what it has signed")


def _publish(services: Services, signer: Signer) -> None:
    with services.db.write() as session:
        signing_keys.publish(session, signer.key_id, signer.public_key)


def _rotate(services: Services) -> None:
    with services.db.write() as session:
        # The digest keys are derived from the old master key: they must be in the database before it changes.
        keyring_of(session)
    if (path := _file(services)) is not None and len(_lines(path)) == 1:
        replace(path, "\n".join([new_master_key(), *_lines(path)]))
    elif path is None and services.settings.other_master_key is None:
        raise AdminError(
            "the master key is a setting: set LETHE_OTHER_MASTER_KEY first (see docs/how-to/data_and_keys.md)"
        )
    result = rotation.rewrap(services)
    _record(services, "master_key.rotated", result.done)
    typer.echo(f"{result.done} keys are wrapped under the master key {_name(services)}")
    if result.unreadable:
        raise AdminError(f"{result.unreadable} keys are under a master key that is not at hand: add it, and try again")
    typer.echo(_advice(path))


def _retire(services: Services) -> None:
    path = _file(services)
    if path is None:
        raise AdminError("the master key is a setting: remove LETHE_OTHER_MASTER_KEY yourself")
    if time.time() - path.stat().st_mtime < RETIRE_AFTER:
        raise AdminError("the key was changed a moment ago, and a request may still use the old one: wait a minute")
    rotation.rewrap(services)
    if left := rotation.count_outdated(services):
        raise AdminError(f"{left} keys are under a master key that is not at hand: add it, and try again")
    present, *old = _lines(path)
    replace(path, present)
    _record(services, "master_key.retired", len(old))
    typer.echo(f"{path} holds the present key alone; backups of it open what was backed up before")


def _file(services: Services) -> Path | None:
    """The key file; None if the master key is a setting."""
    return None if services.settings.master_key is not None else key_file(services.settings)


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _record(services: Services, action: str, count: int) -> None:
    with services.db.write() as session:
        audit.record(session, audit.INSTALLATION, ACTOR, action, _name(services), {"keys": count})


def _name(services: Services) -> str:
    return services.keyring.key_id.hex()


def _advice(path: Path | None) -> str:
    if path is None:
        return "nothing is left under the other key: remove LETHE_OTHER_MASTER_KEY everywhere"
    return "the old key is still accepted; end that in a minute with: lethe admin rotate-master-key --retire"
