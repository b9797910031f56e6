"""The list of what was erased, so that restoring an older backup does not bring a subject's data back.

`python -m core.service.erasures export` writes the list, ids only, as JSON lines. After a restore, and before anything
is started, `python -m core.service.erasures apply < LIST` erases everything on it again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TextIO

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.job_states import TERMINAL
from core.service import audit
from core.service.context import Services
from core.service.db.tables.audit import AuditEntry
from core.service.db.tables.files import File
from core.service.db.tables.jobs import Job, JobFile
from core.service.files.service import erase_content
from core.service.jobs.artifacts import of_jobs
from core.service.jobs.columns import UNLEASED
from core.service.jobs.erase import KEPT_AT_EXPIRY, erase_inputs, erase_job
from core.service.jobs.lifecycle import end_cancelled
from core.service.settings import get_settings

REAPPLIED = {"reapplied": True}


def export(s: Session) -> Iterator[dict[str, str]]:
    """Everything that was erased, in order."""
    columns = AuditEntry.at, AuditEntry.action, AuditEntry.resource
    order = AuditEntry.at, AuditEntry.tenant_id, AuditEntry.number
    for at, action, resource in s.execute(select(*columns).where(AuditEntry.action.in_(_ACTIONS)).order_by(*order)):
        yield {"at": at.isoformat(), "action": action, "resource": resource}


def apply(services: Services, erased: Iterable[dict[str, str]]) -> int:
    """Erase everything on the list that exists. Returns how many things it was; a second call erases nothing."""
    done = 0
    for entry in erased:
        with services.db.write() as session:
            done += _ACTIONS[entry["action"]](services, session, entry["resource"], entry["action"])
    return done


def _job(services: Services, s: Session, job_id: str, action: str) -> bool:
    job, keep = _ended(s, job_id), KEPT_AT_EXPIRY if action == "job.expired" else ()
    if job is None or (job.deleted_at is not None and not _has_more(s, job_id, keep)):
        return False
    erase_job(services, s, job, keep)
    audit.record(s, job.tenant_id, audit.SYSTEM, action, job_id, {**REAPPLIED, "artifacts": job.erased_artifacts})
    return True


def _has_more(s: Session, job_id: str, kept: Collection[str]) -> bool:
    return any(row.name not in kept for row in of_jobs(s, [job_id])[job_id])


def _inputs(services: Services, s: Session, job_id: str, action: str) -> bool:
    job = s.get(Job, job_id)
    if job is None or job.inputs_erased_at is not None:
        return False
    job = _ended(s, job_id)
    assert job is not None  # noqa: S101 - read above
    erase_inputs(services, s, job)
    audit.record(s, job.tenant_id, audit.SYSTEM, action, job_id, REAPPLIED)
    return True


def _file(services: Services, s: Session, file_id: str, action: str) -> bool:
    s.execute(delete(JobFile).where(JobFile.file_id == file_id))
    tenant = s.execute(delete(File).where(File.id == file_id).returning(File.tenant_id)).scalar_one_or_none()
    if tenant is None:
        return False
    erase_content(services, s, [file_id])
    audit.record(s, tenant, audit.SYSTEM, action, file_id, REAPPLIED)
    return True


_ACTIONS: dict[str, Callable[[Services, Session, str, str], bool]] = {
    "job.deleted": _job,
    "job.expired": _job,
    "job.inputs_erased": _inputs,
    "file.deleted": _file,
    "file.expired": _file,
}


def _ended(s: Session, job_id: str) -> Job | None:
    """The job, locked. One that has not ended in the backup is cancelled, so that it does not run again."""
    job = s.execute(select(Job).where(Job.id == job_id).with_for_update()).scalar_one_or_none()
    if job is not None and job.status not in TERMINAL:
        for column, value in UNLEASED.items():
            setattr(job, column.key, value)
        job.lease_token += 1
        job.version += 1
        end_cancelled(s, job)
    return job


def _entries(lines: TextIO) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            valid = entry["action"] in _ACTIONS and isinstance(entry["resource"], str)
        except (ValueError, KeyError, TypeError):
            valid = False
        if not valid:
            raise SystemExit(f"lethe: line {number} is not from a list of erasures; nothing after it was applied")
        yield entry


def main() -> int:
    """Export to standard output, or apply from standard input."""
    parser = argparse.ArgumentParser(prog="python -m core.service.erasures", description=__doc__)
    parser.add_argument("what", choices=("export", "apply"))
    what = parser.parse_args().what
    with Services.open(get_settings()) as services:
        if what == "apply":
            sys.stdout.write(f"{apply(services, _entries(sys.stdin))} erased again\n")
            return 0
        with services.db.read() as session:
            for entry in export(session):
                sys.stdout.write(json.dumps(entry) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
