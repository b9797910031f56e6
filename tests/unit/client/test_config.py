"""Where the SDK finds the server and the key."""

from __future__ import annotations

import subprocess
import sys

import pytest

from client import config


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("LETHE_URL", "LETHE_API_KEY", "LETHE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lethe-data").mkdir()
    (tmp_path / "lethe-data" / "api-key").write_text("lk_local\n")
    return tmp_path


def test_a_local_server_s_key_is_found(home):
    assert config.base_url() == "http://127.0.0.1:8000"
    assert config.api_key() == "lk_local"


def test_arguments_win_over_the_environment(home, monkeypatch):
    monkeypatch.setenv("LETHE_URL", "https://lethe.example/")
    monkeypatch.setenv("LETHE_API_KEY", "lk_env")
    assert config.base_url() == "https://lethe.example"
    assert config.api_key() == "lk_env"
    assert config.base_url("http://a") == "http://a"
    assert config.api_key("lk_arg") == "lk_arg"


def test_the_local_key_is_not_sent_to_other_machines(home):
    assert config.api_key(url="https://lethe.example") is None
    assert config.api_key(url="http://127.0.0.1.evil.example") is None
    assert config.api_key(url="http://localhost:9000") == "lk_local"
    assert config.api_key(url="https://lethe.example", directory=home / "lethe-data") == "lk_local"


def test_a_data_folder_elsewhere(home, monkeypatch):
    (home / "other").mkdir()
    (home / "other" / "api-key").write_text("lk_other")
    monkeypatch.setenv("LETHE_DATA_DIR", str(home / "other"))
    assert config.api_key() == "lk_other"


def test_the_sdk_and_the_command_line_start_without_torch_and_without_the_server():
    code = (
        "import sys; from client import Lethe; import client.cli.app;"
        "assert not {'torch', 'transformers', 'fastapi', 'sqlalchemy', 'celery'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_command_line_starts_without_what_only_some_commands_need():
    code = "import sys; import client.cli.app; assert not {'pydantic', 'httpx', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
