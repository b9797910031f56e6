from __future__ import annotations

import pytest
import torch

from core.unlearning.snapshot import Snapshot


def test_what_was_packed_comes_back() -> None:
    tensors = {"a": torch.arange(6).view(2, 3), "b": torch.rand(2).bfloat16(), "view": torch.rand(4, 4).T}
    found = Snapshot.unpack(Snapshot({"x": [1, None, "é"], "y": 0.1}, tensors).pack())
    assert found is not None
    assert found.meta == {"x": [1, None, "é"], "y": 0.1}
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in tensors.items())


def test_no_tensors_at_all() -> None:
    found = Snapshot.unpack(Snapshot({"x": 1}).pack())
    assert found is not None
    assert (found.meta, found.tensors) == ({"x": 1}, {})


@pytest.mark.parametrize("data", [None, b"", b"x" * 7, b"not a snapshot", b"\xff" * 40, b"\x02" + b"\0" * 7 + b"{}"])
def test_anything_else_is_nothing(data: bytes | None) -> None:
    assert Snapshot.unpack(data) is None
