"""The folders of the tests against those of the code."""

from __future__ import annotations

import pytest

from tests.support.paths import ROOT


@pytest.mark.parametrize("kind", ["unit", "integration"])
def test_a_test_lies_where_what_it_is_about_lies(kind: str) -> None:
    tests = ROOT / "tests" / kind
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (ROOT / folder).is_dir()] == []
