"""The dashboard and the alert rules against what `/metrics` really has."""

from __future__ import annotations

import json
import re

import httpx
import promql_parser
import pytest
import yaml

from tests.support.api_server import serving
from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
PAGE = ROOT / "docs" / "how-to" / "operate.md"
_SUFFIXES = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every series' name, also of those that have no value yet."""
    with serving(tmp_path_factory.mktemp("deploy") / "data") as server:
        text = httpx.get(f"{server.url}/metrics").text
    kinds = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    return {name + suffix for name, kind in kinds for suffix in _SUFFIXES[kind]}


def dashboard() -> list[str]:
    panels = json.loads((DEPLOY / "grafana" / "lethe.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def alerts() -> list[dict[str, str]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def used(query: str) -> set[str]:
    promql_parser.parse(query)
    return set(re.findall(r"\b(?:lethe|process)_[a-z_]+", query))


def test_every_metric_that_is_named_exists(known: set[str]) -> None:
    expressions = [*dashboard(), *(rule["expr"] for rule in alerts())]
    named = set.union(*map(used, expressions))
    assert len(named) > 10
    assert named <= known


def test_every_metric_and_every_alert_is_explained(known: set[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    ours = {re.sub("_(bucket|count|sum)$", "", name) for name in known if name.startswith("lethe_")}
    assert [name for name in sorted(ours) if f"`{name}`" not in page] == []
    assert [rule["alert"] for rule in alerts() if f"`{rule['alert']}`" not in page] == []


def test_alerts_say_what_is_wrong_and_how_badly() -> None:
    for rule in alerts():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")  # type: ignore[index]
        assert rule["annotations"]["summary"]  # type: ignore[index]
