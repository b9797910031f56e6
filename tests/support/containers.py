"""Dockerfile and compose file as data, and their commands run here, where there is no container engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.paths import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = ROOT / "docker-compose.yml"


def services() -> dict[str, dict[str, Any]]:
    """The services of the compose file."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return found


def stage(name: str) -> str:
    """The lines of a stage of the Dockerfile, without those of the stages that it builds on."""
    parts = re.split(r"^FROM \S+ AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[name]


def command_of(name: str) -> list[str]:
    """What the image of a stage runs."""
    found: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", stage(name), flags=re.MULTILINE)[-1])
    return found


def build_context(folder: Path) -> Path:
    """What a build is sent: what git tracks, as far as `.dockerignore` lets it in."""
    rules = (ROOT / ".dockerignore").read_text().split()
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    assert rules[0] == "*"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        if any(name == one or name.startswith(f"{one}/") for one in allowed) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for source in re.findall(r"^COPY (?!--)(.*) \S+$", stage("build"), flags=re.MULTILINE):
        missing = [one for one in source.split() if not (folder / one).exists()]
        assert not missing, f"the build copies what it is not sent: {missing}"
    return folder


def environment(service: str, **changes: str) -> dict[str, str]:
    """The environment that image and compose give a service, with values for what they ask of their user."""
    given = {"POSTGRES_PASSWORD": "p", "S3_SECRET_KEY": "s", "LETHE_MASTER_KEY": "m" * 40}
    image = dict(word.split("=", 1) for word in " ".join(re.findall("^ENV (.*)$", stage("runtime"), re.M)).split())
    asked = {name: _filled(str(value), given) for name, value in services()[service]["environment"].items()}
    found = {**image, **asked}
    assert set(changes) <= set(found)
    return {**found, **changes, "HOSTNAME": socket.gethostname()}


def healthy(check: Mapping[str, Any], environment: Mapping[str, str], programs: Path, port: int | None = None) -> bool:
    """Whether a service's healthcheck passes. Its port 8000 is `port` here."""
    kind, *words = [str(word).replace("$$", "$") for word in check["test"]]
    words = [word.replace(":8000/", f":{port}/") for word in words]
    assert kind in ("CMD", "CMD-SHELL")
    path = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/sh", "-c", words[0] if kind == "CMD-SHELL" else shlex.join(words)],
        env={**environment, **path},
        capture_output=True,
        timeout=120,
    )
    return done.returncode == 0


def _filled(text: str, given: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)(?::[-?][^}]*)?\}", lambda found: given[found[1]], text)


def installed(folder: Path, context: Path) -> Path:
    """A virtual environment as the stage `build` makes it: Lethe without extras. Gives its programs."""
    # The pip at hand serves: to install another into the new environment takes longer than what it is for.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    programs = folder / "bin"
    assert "RUN pip install -q .\n" in stage("build")
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "install", "-q", "."], cwd=context, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return programs
