"""How long a job will take, from how long its like took here."""

from __future__ import annotations

from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.db.models import Job

_LOOK_BACK = 20


def estimate(session: Session, model: str, method: str, level: str) -> dict[str, Any]:
    """Median seconds from claim to end of the latest successes of the same kind; null before the first."""
    query = select(Job.started_at, Job.finished_at, Job.plan)
    query = query.where(Job.model == model, Job.method == method, Job.status == "succeeded")
    rows = session.execute(query.order_by(Job.created_at.desc()).limit(_LOOK_BACK)).all()
    took = [
        (finished - started).total_seconds()
        for started, finished, plan in rows
        if started is not None and finished is not None and plan.get("level") == level
    ]
    if not took:
        return {"seconds": None, "basis": "No job like this has run here yet."}
    return {"seconds": round(median(took), 1), "basis": f"The median of {len(took)} earlier jobs like this."}
