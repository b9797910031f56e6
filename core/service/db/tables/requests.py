"""Requests of data subjects: when they came, when they must be answered, and how they ended."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base, one_of, where
from core.service.kit.deadline import Regulation

RequestState = Literal["open", "settled", "rejected", "withdrawn"]
_OPEN = where("status = 'open'")


class ErasureRequest(Base):
    """A request to be forgotten, which its jobs serve: attempts, jobs about other models, sculpted children.

    `subject`: keyed hash of the name. `sealed`: the reasons that people gave, under `wrapped_key`.
    """

    __tablename__ = "requests"
    __table_args__ = (
        CheckConstraint(one_of("status", get_args(RequestState)), name="status_known"),
        CheckConstraint(one_of("regulation", get_args(Regulation)), name="regulation_known"),
        CheckConstraint("(status = 'open') = (ended_at IS NULL)", name="ended_once_not_open"),
        CheckConstraint("(sealed IS NULL) = (wrapped_key IS NULL)", name="sealed_has_a_key"),
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "subject"),
        Index("uq_requests_tenant_id_external_id", "tenant_id", "external_id", unique=True),
        Index("ix_requests_due_at", "due_at", **_OPEN),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    created_by: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(String(16), default="open")
    regulation: Mapped[str] = mapped_column(String(8))
    external_id: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(64))

    created_at: Mapped[datetime]
    received_at: Mapped[datetime]
    due_at: Mapped[datetime]
    due_warned_at: Mapped[datetime | None]
    extended_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(40))

    wrapped_key: Mapped[bytes | None]
    sealed: Mapped[bytes | None]
