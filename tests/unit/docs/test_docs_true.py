"""The documents against the code: commands, options, links and names that they mention exist."""

from __future__ import annotations

import re
from typing import get_args

import pytest
import typer.main

from api.admin.app import app as admin_app
from client.cli.app import app
from client.resources.jobs import Jobs
from client.resources.webhooks import Webhooks
from core.service.settings import Settings
from core.unlearning.families.audiovisual.config import METRICS as CLASSIFIER_METRICS
from core.unlearning.families.diffusion.config import METRICS as PICTURE_METRICS
from core.unlearning.families.language.measures import METRICS
from core.unlearning.types import Split
from tests.support.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_no_longer_than_the_codes(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert not [number for number, line in enumerate(lines, 1) if len(line) > 120]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:api|benchmarks|client|core|deploy|docs|migrations|tests|worker)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"\bpython3? -m ((?:api|benchmarks|client|core|migrations|worker)[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page):
    group = typer.main.get_command(app)
    for line in re.findall(r"\blethe ([a-z][^\n`|;]*)", _code(page.read_text(encoding="utf-8"))):
        words = line.split()
        command, rest = group.commands[words[0]], words[1:]
        if words[0] == "admin":
            command = typer.main.get_command(admin_app)
        while rest and rest[0] in getattr(command, "commands", {}):
            command, rest = command.commands[rest[0]], rest[1:]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if re.fullmatch(r"--[a-z-]+", word)} <= known, line


def test_every_command_is_in_the_page_about_the_command_line():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for name in _commands(typer.main.get_command(app)):
        assert re.search(rf"`{name}[` ]", page), name
    for name in _commands(typer.main.get_command(admin_app)):
        assert f"`admin {name}`" in page, name


def test_every_split_and_metric_is_explained():
    page = (ROOT / "docs" / "how-to" / "read_a_report.md").read_text(encoding="utf-8")
    for word in (*get_args(Split), *METRICS, *PICTURE_METRICS, *CLASSIFIER_METRICS):
        assert f"`{word}`" in page, word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_are_named_exist(page):
    ours = {"LETHE_URL", "LETHE_API_KEY", "LETHE_DEBUG", "LETHE_JUDGE_KEY", "LETHE_TEST_"}
    known = {f"LETHE_{name.upper()}" for name in Settings.model_fields} | ours
    assert set(re.findall(r"\bLETHE_[A-Z0-9_]+", page.read_text(encoding="utf-8"))) <= known


def test_every_setting_is_described_on_its_page():
    page = " ".join((ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8").split())
    for name, field in Settings.model_fields.items():
        assert re.search(rf"`LETHE_{name.upper()}`( \(`[^`]*`\))?: {re.escape(str(field.description))}", page), name


def test_compose_sets_only_settings_that_exist():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    known = {f"LETHE_{name.upper()}" for name in Settings.model_fields} | {"LETHE_MODELS"}
    assert set(re.findall(r"\bLETHE_[A-Z0-9_]+", text)) <= known


def test_the_sdk_page_names_the_calls_there_are():
    page = (ROOT / "docs" / "reference" / "sdk.md").read_text(encoding="utf-8")
    for name in (name for kind in (Jobs, Webhooks) for name in vars(kind) if not name.startswith("_")):
        assert f"`{name}`" in page, name


def _commands(group):
    """The names of a group's commands; of its subgroups, those of their commands where they are needed."""
    for name, command in group.commands.items():
        inner = getattr(command, "commands", {})
        if command.no_args_is_help and inner:
            yield from (f"{name} {each}" for each in inner)
        else:
            yield name


def _code(text: str) -> str:
    """Code blocks and code in lines."""
    return "\n".join(re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text))
