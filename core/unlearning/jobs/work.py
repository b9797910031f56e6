from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.registry import families, load_family
from core.unlearning.jobs import certificate
from core.unlearning.methods.base import MethodResult
from core.unlearning.methods.registry import catalogue
from core.unlearning.options import MethodOptions
from core.unlearning.progress import Phases
from core.unlearning.types import Example, Level, ModelSpec

if TYPE_CHECKING:
    from core.unlearning.evaluation.results import Evaluated
    from core.unlearning.evaluation.verdict import Verdict
    from core.unlearning.jobs.fresh.process import FreshProcess
    from core.unlearning.patches.signing import Signer

PATCH, REPORT, REPORT_HTML, CERTIFICATE = "patch.zip", "report.json", "report.html", "certificate.json"


Load = Callable[[ModelSpec, str], Any]


@dataclass(frozen=True)
class OutputFile:
    """An artefact of a job."""

    name: str
    path: Path
    media_type: str


@dataclass(frozen=True)
class Outcome:
    """What a job leaves. `evaluation` holds public numbers only."""

    verdict: Literal["passed", "failed"]
    evaluation: dict[str, Any]
    artifacts: tuple[OutputFile, ...]


@dataclass(frozen=True)
class Work:
    """What stays the same throughout a job. `record` goes into the certificate as it is."""

    spec: ModelSpec
    method: str
    options: MethodOptions
    workdir: Path
    progress: Phases
    signer: Signer
    job_id: str
    plan: Mapping[str, Any]
    level: Level
    record: Mapping[str, str | int | None] = field(default_factory=dict)

    @property
    def precision(self) -> str:
        """Of the frozen base model."""
        return str(getattr(self.options, "precision", "auto"))

    @property
    def seed(self) -> int:
        """Of everything that is drawn."""
        return int(getattr(self.options, "seed", 0))


@dataclass(frozen=True)
class Measured:
    """The evaluations of a job, and what they amount to."""

    before: Evaluated
    after: Evaluated
    verdict: Verdict
    reference: Evaluated | None = None


def load_model(spec: ModelSpec, precision: str) -> Any:
    """The registered model, from its source."""
    return load_family(spec.family).load(spec, precision=precision)


def validate_options(method: str, spec: ModelSpec, options: Mapping[str, Any]) -> MethodOptions:
    """The method's options with its defaults filled in. Raises `InvalidInputError`."""
    info = catalogue().get(method)
    if info is None or spec.family not in info.families:
        raise InvalidInputError(f"there is no method {method!r} for models of family {spec.family!r}")
    try:
        return info.options.model_validate(dict(options))
    except ValidationError as error:
        names = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
        raise InvalidInputError(f"method options are not valid: {names}", code="invalid_option") from None


def measure(work: Work, model: Any, examples: Sequence[Example]) -> Evaluated:
    """Evaluate a model that is loaded here."""
    family = load_family(work.spec.family)
    work.progress.phase("evaluating", family.evaluation_steps(examples, work.level))
    return family.evaluate(model, examples, level=work.level, progress=work.progress)


@contextmanager
def fresh_process(work: Work, model: Any) -> Iterator[Callable[[], FreshProcess]]:
    """Gives a process that will evaluate the patch, started when sculpting begins so that it is ready by then."""
    import torch

    from core.unlearning.jobs.fresh.process import FreshProcess

    started: list[FreshProcess] = []

    def start() -> FreshProcess:
        if not started:
            # Where memory is the accelerator's, a second copy of the base model must wait until the first one left.
            preload = torch.device(model.device).type == "cpu"
            threads = torch.get_num_threads()
            started.append(FreshProcess(work.spec, precision=work.precision, threads=threads, preload=preload))
        return started[0]

    work.progress.on["sculpting"] = start
    try:
        yield start
    finally:
        work.progress.on.pop("sculpting", None)
        for process in started:
            process.close()


def measure_packed(
    work: Work, model: Any, fresh: Callable[[], FreshProcess], adapter: Path, examples: Sequence[Example]
) -> Evaluated:
    """Evaluate the adapter as the stock library loads it. Raises `IneffectivePatchError` for one that is all zeros."""
    family = load_family(work.spec.family)
    work.progress.phase("packaging")
    family.check_effect(adapter)
    work.progress.phase("evaluating", family.evaluation_steps(examples, work.level, packed=True))
    with family.out_of_the_way(model):
        return fresh().evaluate(adapter, examples, work.level, work.progress)


def pack(
    work: Work, result: MethodResult, measured: Measured, *, names: Sequence[str] = (), redact: bool = True
) -> Outcome:
    """Write report, patch and certificate."""
    from core.unlearning.evaluation import html, report
    from core.unlearning.patches.digest import base_digest

    work.progress.phase("packaging")
    digest = base_digest(work.spec.source, revision=work.spec.revision)
    family = families()[work.spec.family]
    built = report.build(
        family=family.name,
        measures=family.measures,
        job_id=work.job_id,
        model_id=work.spec.id,
        base_digest=digest,
        method=work.method,
        options=work.options.model_dump(mode="json"),
        plan=work.plan,
        before=measured.before,
        after=measured.after,
        verdict=measured.verdict,
        reference=measured.reference,
        details=result.details,
        timings=work.progress.seconds(),
        seeds={"method": work.seed},
        samples=_samples(work, measured, names, redact=redact),
        limits=_limits(work),
        redact=redact,
    )
    numbers = report.public_evaluation(built)
    page = html.render(built, family.measures, family.presentation)
    sha256 = _bundle(work, digest, built, page)
    signed = certificate.build(built, numbers, patch_sha256=sha256, record=work.record, signer=work.signer)
    _write_texts(work.workdir, {REPORT: _json(built), REPORT_HTML: page, CERTIFICATE: _json(signed)})
    return Outcome("passed" if measured.verdict.passed else "failed", numbers, _artifacts(work.workdir))


def _samples(work: Work, measured: Measured, names: Sequence[str], *, redact: bool) -> list[dict[str, Any]]:
    family = load_family(work.spec.family)
    return family.samples(measured.before, measured.after, names=names, redact=redact)


def _limits(work: Work) -> tuple[str, ...]:
    of_method = catalogue()[work.method].limits(work.options.model_dump(mode="json"))
    return families()[work.spec.family].presentation.limits_with(of_method)


def _bundle(work: Work, digest: str, built: Mapping[str, Any], page: str) -> str:
    from core.unlearning.evaluation import model_card
    from core.unlearning.patches import bundle
    from core.unlearning.patches.manifest import Provenance

    provenance = Provenance(
        base_id=work.spec.id,
        base_digest=digest,
        method=work.method,
        options=work.options.model_dump(mode="json"),
        seeds={"method": work.seed},
        base_revision=work.spec.revision,
        job_id=work.job_id,
    )
    out = work.workdir / PATCH
    family = families()[work.spec.family]
    card = model_card.render(built, family.measures, family.presentation)
    packed = bundle.build(
        work.workdir, out, report=built, report_html=page, readme=card, provenance=provenance, signer=work.signer
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
