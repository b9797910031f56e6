"""`lethe verify --keys`: by the published keys, of which one may be withdrawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client.cli.run import run
from core.unlearning.patches.signing import jwks
from tests.support.patches import SIGNER, build_patch, write_base


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    build_patch(tmp_path, write_base(tmp_path / "base"), tmp_path / "patch.zip")
    return tmp_path / "patch.zip"


def verify(patch: Path, **published: object) -> int:
    """The exit status, with this document of published keys."""
    keys = patch.parent / "lethe-keys.json"
    keys.write_text(json.dumps({**jwks([SIGNER.public_key]), **published}))
    return run(["verify", str(patch), "--keys", str(keys)])


def test_a_published_key_verifies(patch: Path) -> None:
    assert verify(patch) == 0
    assert verify(patch, withdrawn=[{"kid": "0" * 16, "withdrawn_at": "2026-12-01T00:00:00+00:00"}]) == 0


def test_a_withdrawn_key_does_not(patch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = [{"kid": SIGNER.key_id, "withdrawn_at": "2026-12-01T00:00:00+00:00"}]
    assert verify(patch, keys=[], withdrawn=ended) == 1
    assert "withdrawn on 2026-12-01" in capsys.readouterr().err


def test_what_is_no_set_of_keys_is_told(patch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(patch, withdrawn=["x"]) == 2
    assert "not a set of public keys" in capsys.readouterr().err
