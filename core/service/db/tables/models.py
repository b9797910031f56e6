"""Registered models."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base


class Model(Base):
    """A model that jobs may name. Shared by all tenants."""

    __tablename__ = "models"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    family: Mapped[str] = mapped_column(String(40))
    source: Mapped[str] = mapped_column(String(1000))
    revision: Mapped[str | None] = mapped_column(String(200))
    retain_set: Mapped[str | None] = mapped_column(String(1000))
    defaults: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
