"""Writes what a job leaves: report, patch and certificate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.unlearning.families.registry import families, load_family
from core.unlearning.jobs import certificate
from core.unlearning.jobs.measuring import Measured
from core.unlearning.jobs.work import CERTIFICATE, PATCH, REPORT, REPORT_HTML, Outcome, OutputFile, Work
from core.unlearning.methods.base import MethodResult
from core.unlearning.methods.registry import catalogue


def pack(work: Work, result: MethodResult, measured: Measured, *, names: Sequence[str] = ()) -> Outcome:
    """Write report, patch and certificate. `names`: the subject's, which the report must not show."""
    from core.unlearning.evaluation import html, report
    from core.unlearning.patches.digest import base_digest

    work.progress.phase("packaging")
    digest = base_digest(work.spec.source, revision=work.spec.revision)
    family = families()[work.spec.family]
    built = report.build(
        family=family.name,
        measures=family.measures,
        job_id=work.setup.job_id,
        model_id=work.spec.id,
        base_digest=digest,
        method=work.setup.method,
        options=work.recorded_options,
        plan=work.setup.plan,
        before=measured.before,
        after=measured.after,
        verdict=measured.verdict,
        reference=measured.reference,
        details=result.details,
        timings=work.progress.seconds(),
        seeds={"method": work.seed},
        samples=load_family(family.name).samples(measured.before, measured.after, names=names),
        limits=_limits(work),
    )
    numbers = report.public_evaluation(built)
    page = html.render(built, family.measures, family.presentation)
    sha256 = _bundle(work, digest, built, page)
    signed = certificate.build(built, numbers, patch_sha256=sha256, record=work.setup.record, signer=work.setup.signer)
    _write_texts(work.setup.workdir, {REPORT: _json(built), REPORT_HTML: page, CERTIFICATE: _json(signed)})
    return Outcome("passed" if measured.verdict.passed else "failed", numbers, _artifacts(work.setup.workdir))


def _limits(work: Work) -> tuple[str, ...]:
    of_method = catalogue()[work.setup.method].limits(work.recorded_options)
    return families()[work.spec.family].presentation.limits_with(of_method)


def _bundle(work: Work, digest: str, built: Mapping[str, Any], page: str) -> str:
    from core.unlearning.evaluation import model_card
    from core.unlearning.patches import bundle
    from core.unlearning.patches.manifest import Provenance

    provenance = Provenance(
        base_id=work.spec.id,
        base_digest=digest,
        method=work.setup.method,
        options=work.recorded_options,
        seeds={"method": work.seed},
        base_revision=work.spec.revision,
        job_id=work.setup.job_id,
    )
    out = work.setup.workdir / PATCH
    family = families()[work.spec.family]
    card = model_card.render(built, family.measures, family.presentation)
    packed = bundle.build(
        work.setup.workdir,
        out,
        report=built,
        report_html=page,
        readme=card,
        provenance=provenance,
        signer=work.setup.signer,
    )
    return packed.sha256


def _artifacts(workdir: Path) -> tuple[OutputFile, ...]:
    kinds = {
        PATCH: "application/zip",
        REPORT: "application/json",
        REPORT_HTML: "text/html",
        CERTIFICATE: "application/json",
    }
    return tuple(OutputFile(name, workdir / name, media_type) for name, media_type in kinds.items())


def _write_texts(workdir: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (workdir / name).write_text(text, encoding="utf-8")


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
