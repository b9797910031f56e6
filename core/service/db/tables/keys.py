"""Keys of the installation itself: for digests, and for signatures."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base


class MacKey(Base):
    """A key for digests, e.g. of API keys. It stays the same when the master key that wraps it changes."""

    __tablename__ = "mac_keys"

    purpose: Mapped[str] = mapped_column(String(32), primary_key=True)
    wrapped_key: Mapped[bytes]


class SigningKey(Base):
    """A public key of patches and certificates, present or past.

    `mac` proves that the service has added it, and whether it has withdrawn it.
    """

    __tablename__ = "signing_keys"

    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    public_key: Mapped[bytes]
    added_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    mac: Mapped[bytes]
