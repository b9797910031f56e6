"""The keys of `Keyring.mac`, stored in the database under the master key, so that digests outlive a master key."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.service.crypto.keyring import PURPOSES, DecryptionError, Keyring, WrappedKey
from core.service.db.tables.keys import MacKey
from core.service.errors import Unavailable


def pin_mac_keys(s: Session, keyring: Keyring, *, may_add: bool) -> None:
    """Let the keyring use the keys of the database. With `may_add`, in a write session, missing keys are added.

    Raises `Unavailable` if the keys are under a master key that the keyring lacks.
    """
    with s.no_autoflush:
        stored = _keys(s)
        try:
            keyring.pin(stored)
        except DecryptionError:
            raise Unavailable("The master key is not the one that this database was written under.") from None
        missing = [purpose for purpose in PURPOSES if purpose not in stored]
        if missing and may_add:
            # They are pinned at the next call: this transaction may be rolled back.
            _add(s, {purpose: keyring.first_mac_key(purpose) for purpose in missing})


def _keys(s: Session) -> dict[str, WrappedKey]:
    return {row.purpose: WrappedKey(row.wrapped_key) for row in s.execute(select(MacKey)).scalars()}


def _add(s: Session, keys: dict[str, WrappedKey]) -> None:
    into = postgresql.insert if s.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [{"purpose": purpose, "wrapped_key": key.blob} for purpose, key in keys.items()]
    s.execute(into(MacKey).values(rows).on_conflict_do_nothing())
