"""A benchmark's processes: what goes wrong in one of them is told as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.unlearning.bench.memory.cases import MemoryCase
from core.unlearning.bench.memory.run import run
from core.unlearning.bench.memory.setup import MemorySetup
from core.unlearning.errors import ModelLoadError


@pytest.mark.slow
def test_a_base_that_no_process_can_load_is_not_taken_for_a_killed_process(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    setup = MemorySetup(str(tmp_path / "model"), tmp_path / "work")

    with pytest.raises(ModelLoadError, match="no safetensors"):
        run(setup, [MemoryCase("idk", "idk", {}, 5, 0)], lambda _: None, processes=2)
