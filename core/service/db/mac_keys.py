"""The keys of `Keyring.mac`, kept in the database under the master key: what they made outlives a master key."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.service.crypto.keyring import PURPOSES, DecryptionError, Keyring, WrappedKey
from core.service.db.tables.keys import MacKey
from core.service.errors import Unavailable


def pin_mac_keys(s: Session, keyring: Keyring, *, may_add: bool) -> None:
    """Give the keyring the database's keys. Those that are missing are added, if this session may write.

    Raises `Unavailable` where they are under a master key that is not at hand.
    """
    with s.no_autoflush:
        found = _keys(s)
        try:
            keyring.pin(found)
        except DecryptionError:
            raise Unavailable("The master key is not the one that this database was written under.") from None
        missing = [purpose for purpose in PURPOSES if purpose not in found]
        if missing and may_add:
            # Pinned when next asked for: this transaction may be rolled back.
            _add(s, {purpose: keyring.first_mac_key(purpose) for purpose in missing})


def _keys(s: Session) -> dict[str, WrappedKey]:
    return {row.purpose: WrappedKey(row.wrapped_key) for row in s.execute(select(MacKey)).scalars()}


def _add(s: Session, keys: dict[str, WrappedKey]) -> None:
    into = postgresql.insert if s.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [{"purpose": purpose, "wrapped_key": key.blob} for purpose, key in keys.items()]
    s.execute(into(MacKey).values(rows).on_conflict_do_nothing())
