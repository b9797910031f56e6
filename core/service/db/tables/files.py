"""Uploaded files."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base, one_of
from core.service.db.types import BigIntKey

Purpose = Literal["forget", "retain"]


class File(Base):
    """An uploaded picture or sound. The row goes when the content does."""

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint(one_of("purpose", get_args(Purpose)), name="purpose_known"),
        CheckConstraint("(width IS NULL) = (height IS NULL)", name="picture_has_both_sizes"),
        CheckConstraint("(duration_seconds IS NULL) = (sample_rate IS NULL)", name="sound_has_length_and_rate"),
        CheckConstraint("(width IS NULL) <> (sample_rate IS NULL)", name="picture_or_sound"),
        Index(None, "tenant_id", "id"),
        Index(None, "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    purpose: Mapped[str] = mapped_column(String(16))
    size: Mapped[int] = mapped_column(BigIntKey)
    media_type: Mapped[str] = mapped_column(String(40))
    width: Mapped[int | None]
    height: Mapped[int | None]
    duration_seconds: Mapped[float | None]
    sample_rate: Mapped[int | None]
    sha256: Mapped[str] = mapped_column(String(64))
    wrapped_key: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
