"""OpenDSR: which job serves which request, and the callbacks to send.

Nothing about the subject is stored here: the request itself is the job's encrypted input, and the callback URLs are
encrypted under the job's key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base, one_of, where

RequestStatus = Literal["pending", "in_progress", "completed", "cancelled"]
CallbackState = Literal["pending", "delivered", "failed"]
_PENDING = where("state = 'pending'")


class OpendsrRequest(Base):
    """A request as its sender named it. `sealed`: its callback URLs and its body's digest, under the job's key."""

    __tablename__ = "opendsr_requests"
    __table_args__ = (
        CheckConstraint(one_of("told_status", get_args(RequestStatus)), name="told_status_known"),
        UniqueConstraint("job_id"),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    subject_request_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    regulation: Mapped[str] = mapped_column(String(8))
    submitted_at: Mapped[datetime]
    received_at: Mapped[datetime]
    expected_at: Mapped[datetime]
    sealed: Mapped[bytes]
    callback_count: Mapped[int] = mapped_column(default=0)
    told_status: Mapped[str] = mapped_column(String(16), default="pending")


class OpendsrCallback(Base):
    """A change of a request's status that is to be sent to one of its callback URLs."""

    __tablename__ = "opendsr_callbacks"
    __table_args__ = (
        CheckConstraint(one_of("state", get_args(CallbackState)), name="state_known"),
        CheckConstraint("(state = 'pending') = (next_attempt_at IS NOT NULL)", name="pending_has_a_time"),
        ForeignKeyConstraint(
            ["tenant_id", "subject_request_id"],
            ["opendsr_requests.tenant_id", "opendsr_requests.subject_request_id"],
            name="fk_opendsr_callbacks_request",
        ),
        Index(None, "tenant_id", "subject_request_id"),
        Index("ix_opendsr_callbacks_due", "next_attempt_at", **_PENDING),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(64))
    subject_request_id: Mapped[str] = mapped_column(String(36))
    url_index: Mapped[int]
    request_status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16), default="pending")
    next_attempt_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    last_outcome: Mapped[str | None] = mapped_column(String(40))
