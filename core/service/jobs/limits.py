"""The limits of a request that are settings. Each has its own error code."""

from __future__ import annotations

from collections.abc import Iterator

from core.service.errors import FieldError, InvalidRequest
from core.service.jobs.schema import JobCreate
from core.service.settings import Settings


def check(job: JobCreate, n_uploaded: int, n_clips: int, settings: Settings) -> None:
    """Raises `InvalidRequest` with every fault; its code is that of the first one.

    `n_uploaded` pictures and `n_clips` sounds come with the request, in addition to the files that it names.
    """
    faults = list(_faults(job, len(job.images) + n_uploaded, len(job.audio) + n_clips, settings))
    if faults:
        raise InvalidRequest(faults[0].detail, code=faults[0].code, errors=faults)


def _faults(job: JobCreate, n_images: int, n_audio: int, settings: Settings) -> Iterator[FieldError]:
    if n_images > settings.max_images:
        yield FieldError("/images", "too_many_images", f"At most {settings.max_images} images a job.")
    if n_audio > settings.max_audio:
        yield FieldError("/audio", "too_much_audio", f"At most {settings.max_audio} sound clips a job.")
    if len(job.retain.images) > settings.max_images:
        yield FieldError("/retain/images", "too_many_images", f"At most {settings.max_images} images to retain.")
    yield from _prompt_faults("/prompts", job.prompts, settings)
    yield from _prompt_faults("/retain/prompts", job.retain.prompts, settings)


def _prompt_faults(pointer: str, prompts: list[str], settings: Settings) -> Iterator[FieldError]:
    if len(prompts) > settings.max_prompts:
        yield FieldError(pointer, "too_many_prompts", f"At most {settings.max_prompts} prompts.")
        return
    for index, prompt in enumerate(prompts):
        if len(prompt) > settings.max_prompt_chars:
            detail = f"At most {settings.max_prompt_chars} characters a prompt."
            yield FieldError(f"{pointer}/{index}", "prompt_too_long", detail)
