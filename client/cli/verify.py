"""`lethe verify`."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from client.cli import exits
from client.cli.context import JsonFlag, out, print_json

if TYPE_CHECKING:
    from core.unlearning.patches.verify import Verification


def verify(
    patch: Annotated[Path, typer.Argument(help="A patch.zip.")],
    base: Annotated[Path | None, typer.Option(help="The folder of the model that the patch is meant for.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="The service's public keys: a copy of its /.well-known/lethe-keys.json.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Check a patch offline: every file, the signature, the adapter, and with --base that it fits the model."""
    from core.unlearning.patches import verify as patches

    if not patch.is_file():
        raise exits.CommandError(f"there is no file {patch}", exits.USAGE)
    verification = patches.verify(patch, base=base, public_key=_signing_key(patch, keys) if keys else None)
    if json:
        print_json({"ok": verification.ok, "checks": [asdict(check) for check in verification.checks]})
    else:
        _show(verification)
    raise typer.Exit(exits.OK if verification.ok else exits.ERROR)


def _signing_key(patch: Path, keys: Path) -> bytes:
    """The published key that the patch says it is signed with, else any of them: the signature check then fails."""
    from core.unlearning.patches import signing

    named = _named_key(patch)
    try:
        document = jsonlib.loads(keys.read_text(encoding="utf-8"))
        withdrawn = signing.withdrawn_keys(document)
        if named in withdrawn:
            at = withdrawn[named]
            raise exits.CommandError(
                f"do not use this patch: the key that signed it was withdrawn on {at}", exits.ERROR
            )
        published = signing.read_jwks(document)
    except OSError as error:
        raise exits.CommandError(f"cannot read {keys}: {error.strerror}", exits.USAGE) from None
    except ValueError as error:
        raise exits.CommandError(f"{keys}: {error}", exits.USAGE) from None
    return published.get(named, next(iter(published.values())))


def _named_key(patch: Path) -> str:
    from core.unlearning.patches import manifest
    from core.unlearning.patches.archive import Archive

    try:
        with Archive(patch) as archive:
            return manifest.parse(archive.read(manifest.NAME))[0].signed_by.key_id
    except (ValueError, KeyError, OSError):
        return ""


def _show(verification: Verification) -> None:
    from rich.text import Text

    console = out()
    for check in verification.checks:
        mark = ("ok    ", "green") if check.ok else ("FAILED", "red")
        console.print(Text.assemble(mark, (f" {check.name:<11} ", "dim"), check.detail))
    verdict, colour = ("the patch is sound", "green") if verification.ok else ("do not use this patch", "red")
    console.print(verdict, style=colour)
