"""The benches' results in files: one a name, whole or not at all, measured once."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.unlearning.bench.store import ResultStore


def test_a_value_is_measured_once_and_read_again(tmp_path: Path) -> None:
    store, calls = ResultStore(tmp_path / "work"), list[int]()

    def measure() -> dict[str, int]:
        calls.append(1)
        return {"ua": len(calls)}

    assert store.read("closed-form.style.oil.0") is None
    assert store.read_or_measure("closed-form.style.oil.0", measure) == {"ua": 1}
    assert store.read_or_measure("closed-form.style.oil.0", measure) == {"ua": 1}
    assert store.path("closed-form.style.oil.0") == tmp_path / "work" / "closed-form.style.oil.0.json"
    assert [path.name for path in store.folder.iterdir()] == ["closed-form.style.oil.0.json"]


def test_what_cannot_be_written_leaves_what_there_was(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.write("a", [1])
    with pytest.raises(TypeError):
        store.write("a", [object()])
    assert store.read("a") == [1]


def test_several_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    for name in ("b.1", "a.0", "b.0"):
        store.write(name, name)
    assert store.read_all("b.*") == ["b.0", "b.1"]
    assert ResultStore(tmp_path / "nowhere").read_all("*") == []
