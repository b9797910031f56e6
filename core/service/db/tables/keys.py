"""Keys of the installation itself: for digests, and for signatures."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base


class MacKey(Base):
    """A key for digests, e.g. of API keys. It must stay when the master key, under which it is wrapped, changes."""

    __tablename__ = "mac_keys"

    purpose: Mapped[str] = mapped_column(String(32), primary_key=True)
    wrapped_key: Mapped[bytes]


class SigningKey(Base):
    """A public key that patches and certificates are, or were, signed with. `mac` tells it from one slipped in."""

    __tablename__ = "signing_keys"

    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    public_key: Mapped[bytes]
    added_at: Mapped[datetime]
    mac: Mapped[bytes]
