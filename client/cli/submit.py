"""`lethe submit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from client.cli.context import JsonFlag, connect, out, print_json
from client.cli.new_job import show_new_job
from client.cli.request import Flags, build


def submit(
    context: typer.Context,
    request: Annotated[
        Path | None, typer.Option(help="A request.json, or a folder with request.json, images/ and audio/ in it.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The registered model that shall forget.")] = None,
    name: Annotated[str | None, typer.Option(help="The name of who or what is forgotten.")] = None,
    kind: Annotated[str | None, typer.Option(help="identity, object, style, concept or class.")] = None,
    alias: Annotated[list[str] | None, typer.Option(help="Another name of the same. Repeatable.")] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="A question about it. Repeatable.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="A picture of it. Repeatable.")] = None,
    images: Annotated[Path | None, typer.Option(help="A folder of pictures of it.")] = None,
    audio: Annotated[list[Path] | None, typer.Option(help="A sound clip of it, WAV or FLAC. Repeatable.")] = None,
    retain_prompt: Annotated[list[str] | None, typer.Option(help="A question to keep. Repeatable.")] = None,
    retain_entity: Annotated[list[str] | None, typer.Option(help="A name to keep. Repeatable.")] = None,
    retain_image: Annotated[list[Path] | None, typer.Option(help="A picture to keep. Repeatable.")] = None,
    method: Annotated[str | None, typer.Option(help="An unlearning method, or auto.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="A method option, name=value. Repeatable.")] = None,
    level: Annotated[str | None, typer.Option(help="Of evaluation: quick, standard or thorough.")] = None,
    threshold: Annotated[list[str] | None, typer.Option(help="split.metric=value. Repeatable.")] = None,
    replacement: Annotated[str | None, typer.Option(help="What is said or drawn instead.")] = None,
    external_id: Annotated[str | None, typer.Option(help="Your id for the request; used once only.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="Makes repeating this command safe.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the job is done; exit by verdict.")] = False,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Show the plan; store nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """Ask a model to forget someone or something."""
    flags = Flags(
        request=request,
        model=model,
        name=name,
        kind=kind,
        aliases=alias or [],
        prompts=prompt or [],
        images=image or [],
        audio=audio or [],
        folder=images,
        retain_prompts=retain_prompt or [],
        retain_entities=retain_entity or [],
        method=method,
        options=option or [],
        level=level,
        thresholds=threshold or [],
        replacement=replacement,
        external_id=external_id,
    )
    body, files = build(flags)
    with connect(context) as client:
        if validate_only:
            _show_plan(client.jobs.validate(body, **files), json)
            return
        if retain_image:
            keep = [client.files.create(picture, purpose="retain").id for picture in retain_image]
            body.setdefault("retain", {}).setdefault("images", []).extend(keep)
        job = client.jobs.create_from(body, **files, idempotency_key=idempotency_key)
        show_new_job(job, wait=wait, json=json)


def _show_plan(plan: dict[str, Any], json: bool) -> None:
    from client.cli.tables import show_mapping

    if json:
        print_json(plan)
    else:
        show_mapping(out(), {"model": plan.get("model"), **(plan.get("plan") or {})})
