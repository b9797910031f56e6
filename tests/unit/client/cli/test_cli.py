"""The command line over scripted answers: what is sent, printed, and returned as exit status."""

from __future__ import annotations

import json

import httpx
import pytest

from client.cli.context import Connection
from client.cli.run import run
from tests.support.scripted_server import answer, event, job, problem, scripted, stream

DONE = event(3, "status", status="succeeded")
EVALUATION = {
    "level": "quick",
    "splits": {
        "forget_text_memory": {
            "count": 12,
            "known": 12,
            "metrics": {
                "exact": {"before": 1.0, "after": 0.25, "reference": 0.0},
                "refusal_rate": {"before": 0.0, "after": 0.75},
                "probability": {"before": 0.99, "after": 0.01},
            },
        },
        "a_newer_split": {"count": 3, "known": 3, "metrics": {"exact": {"before": 1.0, "after": 1.0}}},
    },
    "thresholds": {"forget_text_memory.exact": 0.05},
    "missed": ["forget_text_memory.exact"],
    "notes": ["A note."],
}


@pytest.fixture
def lethe(monkeypatch):
    """Runs a command against scripted answers; returns exit status and the requests that were made."""

    def call(*arguments, answers=()):
        client, script, _ = scripted(*(answers or [problem(500, "unexpected_call")]), max_retries=0)
        monkeypatch.setattr(Connection, "open", lambda _: client)
        return run(arguments), script.requests

    return call


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ({"status": "succeeded", "verdict": "passed"}, 0),
        ({"status": "succeeded", "verdict": "failed"}, 3),
        ({"status": "failed", "error": {"code": "out_of_memory", "message": "It does not fit."}}, 4),
        ({"status": "cancelled"}, 5),
    ],
)
def test_watch_exits_by_how_the_job_ended(lethe, capsys, ending, code):
    last = event(2, "status", status=ending["status"])
    status, _ = lethe(
        "watch",
        "job_1",
        answers=[answer(job("running")), stream(event(1, "status", status="running"), last), answer(job(**ending))],
    )
    assert status == code
    out, err = capsys.readouterr()
    assert ending["status"] in out
    assert "running" in err


def test_watch_as_json_is_one_event_a_line(lethe, capsys):
    events = [event(1, "progress", step=1, total_steps=2, fraction=0.5, loss=0.1), DONE]
    status, _ = lethe(
        "watch",
        "job_1",
        "--json",
        answers=[answer(job("running")), stream(*events), answer(job("succeeded", verdict="passed"))],
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 0
    assert [line["seq"] for line in lines] == [1, 3]


def test_progress_without_a_terminal_is_a_line_a_phase(lethe, capsys):
    events = [
        event(1, "status", status="running", phase="training"),
        event(2, "progress", phase="training", step=1, total_steps=2, fraction=0.2),
        event(3, "progress", phase="evaluating", step=1, total_steps=2, fraction=0.8),
        event(4, "status", status="succeeded"),
    ]
    lethe(
        "watch", "job_1", answers=[answer(job("running")), stream(*events), answer(job("succeeded", verdict="passed"))]
    )
    lines = [line.split()[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["training", "evaluating", "succeeded"]


def test_submit_builds_the_request_from_flags(lethe, capsys, tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    status, requests = lethe(
        "submit", "--model", "m", "--name", "Ada", "--alias", "A.", "--prompt", "Where?", "--option", "rank=8",
        "--option", "k_image=auto", "--level", "quick", "--threshold", "general.exact.drop=0.1", "--external-id", "x",
        "--retain-prompt", "Who?", "--image", str(picture), "--idempotency-key", "once",
        answers=[answer(job(), 202)],
    )  # fmt: skip
    assert status == 0
    assert capsys.readouterr().out.strip() == "job_1"
    content = requests[0].content
    body = json.loads(content[content.index(b"{") : content.index(b"}\r\n") + 1])
    assert body == {
        "model": "m",
        "external_id": "x",
        "entity": {"name": "Ada", "kind": "identity", "aliases": ["A."]},
        "prompts": ["Where?"],
        "retain": {"prompts": ["Who?"]},
        "method_options": {"rank": 8, "k_image": "auto"},
        "evaluation": {"level": "quick", "thresholds": {"general.exact.drop": 0.1}},
    }
    assert requests[0].headers["idempotency-key"] == "once"
    assert content.count(b'name="images"') == 1


def test_submit_takes_a_folder_and_flags_win_over_it(lethe, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "images" / "notes.txt").write_text("not a picture")
    request = {"model": "m", "entity": {"name": "Ada", "kind": "identity"}, "evaluation": {"level": "standard"}}
    (tmp_path / "request.json").write_text(json.dumps(request))
    _, requests = lethe("submit", "--request", str(tmp_path), "--level", "quick", answers=[answer(job(), 202)])
    assert b'"level": "quick"' in requests[0].content
    assert requests[0].content.count(b'name="images"') == 1


def test_submit_sends_sounds_from_the_folder_and_by_flag(lethe, tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "1.flac").write_bytes(b"fLaC")
    (tmp_path / "audio" / "notes.txt").write_text("not a sound")
    clip = tmp_path / "a persons name.wav"
    clip.write_bytes(b"RIFF\x04\x00\x00\x00WAVE")
    (tmp_path / "request.json").write_text(json.dumps({"model": "m"}))
    _, requests = lethe("submit", "--request", str(tmp_path), "--audio", str(clip), answers=[answer(job(), 202)])
    content = requests[0].content
    assert content.count(b'name="audio"') == 2
    assert content.count(b'name="images"') == 0
    assert content.index(b"Content-Type: audio/flac") < content.index(b"Content-Type: audio/wav")
    assert b"persons" not in content


def test_a_folder_of_sounds_without_one_is_an_error(lethe, capsys, tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "request.json").write_text(json.dumps({"model": "m"}))
    status, requests = lethe("submit", "--request", str(tmp_path))
    assert (status, requests) == (2, [])
    assert "WAV or FLAC" in capsys.readouterr().err


def test_submit_uploads_pictures_to_keep_and_names_them(lethe, tmp_path):
    picture = tmp_path / "keep.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    uploaded = answer({"id": "file_01", "bytes": 8, "media_type": "image/png", "sha256": "0"}, 201)
    _, requests = lethe(
        "submit",
        "--model",
        "m",
        "--name",
        "Ada",
        "--retain-image",
        str(picture),
        answers=[uploaded, answer(job(), 202)],
    )
    assert b"retain" in requests[0].content
    assert json.loads(requests[1].content)["retain"] == {"images": ["file_01"]}


def test_validate_only_stores_nothing_and_shows_the_plan(lethe, capsys):
    plan = {"object": "plan", "model": "m", "method": "smfa", "plan": {"steps": 80, "reason": "First choice."}}
    status, requests = lethe("submit", "--model", "m", "--name", "Ada", "--validate-only", answers=[answer(plan)])
    assert status == 0
    assert requests[0].url.params["validate_only"] == "true"
    assert "First choice." in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit",),
        ("submit", "--request", "nowhere.json"),
        ("submit", "--model", "m", "--option", "novalue"),
        ("sculpt", "job_1"),
        ("get",),
        ("nonsense",),
        ("verify", "nowhere.zip"),
        ("reference", "sample", "mllm"),
        ("reference", "sample", "marsians", "--list"),
        ("reference", "sample", "mllm", "--subject", "Nobody Nowhere", "--out", "x"),
    ],
)
def test_a_wrong_command_is_status_2_and_sends_nothing(lethe, capsys, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, requests = lethe(*arguments)
    err = capsys.readouterr().err
    assert status == 2
    assert requests == []
    assert err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_consolidate_takes_named_jobs_and_exits_by_the_verdict(lethe, capsys):
    made = job(id="job_3", plan={"consolidate": {"jobs": ["job_1", "job_2"]}})
    done = {**made, "status": "succeeded", "verdict": "failed"}
    answers = [answer(made, 202), stream(DONE), answer(done)]
    status, requests = lethe("consolidate", "m", "--job", "job_1", "--job", "job_2", "--wait", answers=answers)
    assert status == 3
    assert json.loads(requests[0].content) == {"jobs": ["job_1", "job_2"], "options": {}}
    assert "job_1 job_2" in capsys.readouterr().out
    status, requests = lethe("consolidate", "m", "--option", "keep_weight=5", answers=[answer(made, 202)])
    assert status == 0
    assert json.loads(requests[0].content) == {"jobs": None, "options": {"keep_weight": 5}}
    assert capsys.readouterr().out.strip() == "job_3"


def test_errors_are_one_line_that_helps(lethe, capsys):
    for failure, words in [
        (httpx.ConnectError("refused"), "lethe serve"),
        (problem(401, "unauthorized", "The key is not known."), "LETHE_API_KEY"),
        (problem(404, "not_found", "There is no such job."), "There is no such job."),
        (problem(500, "internal_error", "Something went wrong."), "req_7"),
        (httpx.Response(200, text="<html>"), "does not answer like a Lethe server"),
    ]:
        status, _ = lethe("get", "job_1", answers=[failure])
        err = capsys.readouterr().err
        assert status == 1
        assert words in err
        assert len(err.splitlines()) == 1


def test_a_bug_is_one_line_too(lethe, capsys, monkeypatch):
    monkeypatch.delenv("LETHE_DEBUG", raising=False)
    status, _ = lethe("get", "job_1", answers=[answer({"id": "job_1"})])
    err = capsys.readouterr().err
    assert status == 1
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1


def test_ctrl_c_says_so_and_is_130(lethe, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    status, _ = lethe("get", "job_1", answers=[interrupted])
    assert status == 130
    assert "Traceback" not in capsys.readouterr().err


def test_the_evaluation_is_a_table_with_what_was_missed(lethe, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    lethe("report", "job_1", answers=[answer(job("succeeded", verdict="failed", evaluation=EVALUATION))])
    out = capsys.readouterr().out
    assert "Subject, by name" in out
    assert "1.00 → 0.25" in out
    assert "missed forget_text_memory.exact (threshold 0.05)" in out
    assert "a_newer_split" in out
    assert "A note." in out


def test_checks_say_why_they_were_missed_and_how_sure_they_are(lethe, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    check = {"key": "forget_text_memory.exact", "reason": "3 of 12 came out.", "evidence": "3 of 12; at most 53 in 100"}
    evaluation = {**EVALUATION, "checks": [check]}
    lethe("report", "job_1", answers=[answer(job("succeeded", verdict="failed", evaluation=evaluation))])
    out = capsys.readouterr().out
    assert "missed forget_text_memory.exact: 3 of 12 came out." in out
    assert "Subject, by name: 3 of 12; at most 53 in 100." in out


def test_the_table_has_the_metrics_of_the_models_family(lethe, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    metrics = {"ua": {"before": 0.0, "after": 1.0}, "distance": {"before": None, "after": 3.5}}
    evaluation = {**EVALUATION, "splits": {"forget_concept": {"count": 8, "known": 8, "metrics": metrics}}}
    lethe("report", "job_1", answers=[answer(job("succeeded", verdict="passed", evaluation=evaluation))])
    out = capsys.readouterr().out
    assert "0.00 → 1.00" in out
    assert "→ 3.50" not in out
    assert "3.50" in out
    assert "refused" not in out


def test_the_report_of_a_classifier_shows_what_it_sees_and_hears(lethe, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    metrics = {
        "visual_accuracy": {"before": 1.0, "after": 0.84, "reference": 0.87},
        "audio_accuracy": {"before": 0.75, "after": 0.75, "reference": 0.76},
        "exact": {"before": None, "after": None},
    }
    splits = {"forget_examples": {"count": 80, "known": 80, "metrics": metrics}}
    evaluation = {"splits": splits, "thresholds": {"forget_examples.visual_accuracy.gap": 0.01}}
    evaluation["missed"] = list(evaluation["thresholds"])
    lethe("report", "job_1", answers=[answer(job("succeeded", verdict="failed", evaluation=evaluation))])
    out = " ".join(capsys.readouterr().out.split())
    assert "by picture, never learned" in out
    assert "recall" not in out
    assert "1.00 → 0.84 0.75 → 0.75 0.87" in out
    assert "missed forget_examples.visual_accuracy.gap (threshold 0.01)" in out


def test_report_of_an_unfinished_job_says_why_not(lethe, capsys):
    status, _ = lethe("report", "job_1", answers=[answer(job("running"))])
    assert status == 1
    assert "only a succeeded job has a report" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (("get", "job_1"), job("running")),
        (("cancel", "job_1"), job("cancelled")),
        (("list",), {"data": [job()], "has_more": False}),
        (("models",), {"data": [{"id": "m", "family": "mllm", "source": "/m"}], "has_more": False}),
        (("methods",), {"data": [{"name": "smfa", "families": ["mllm"], "options": {}}], "has_more": False}),
        (("keys",), {"data": [{"id": "key_1", "name": "ci", "scopes": ["jobs:read"]}], "has_more": False}),
    ],
)
def test_json_is_json_and_text_is_not(lethe, capsys, arguments, body):
    assert lethe(*arguments, "--json", answers=[answer(body)])[0] == 0
    json.loads(capsys.readouterr().out)
    assert lethe(*arguments, answers=[answer(body)])[0] == 0
    out = capsys.readouterr().out
    assert out.strip()
    with pytest.raises(json.JSONDecodeError):
        json.loads(out)


def test_a_new_key_s_secret_is_alone_on_standard_output(lethe, capsys):
    made = answer({"id": "key_1", "name": "ci", "scopes": ["jobs:read"], "secret": "lk_secret"}, 201)
    lethe("keys", "create", "ci", "--scope", "jobs:read", "--days", "30", answers=[made])
    out, err = capsys.readouterr()
    assert out == "lk_secret\n"
    assert "lk_secret" not in err


def test_reference_subjects_are_one_name_a_line(lethe, capsys):
    assert lethe("reference", "sample", "mllm", "--list")[0] == 0
    names = capsys.readouterr().out.splitlines()
    assert len(names) > 10
    assert len(set(names)) == len(names)


def test_a_reference_sample_can_be_submitted_as_it_is(lethe, capsys, tmp_path):
    lethe("reference", "sample", "mllm", "--list")
    name = capsys.readouterr().out.splitlines()[0]
    assert lethe("reference", "sample", "mllm", "--subject", name, "--out", str(tmp_path / "r"))[0] == 0
    _, requests = lethe("submit", "--request", str(tmp_path / "r"), answers=[answer(job(), 202)])
    assert name.encode() in requests[0].content
    assert requests[0].content.count(b'name="images"') >= 1


def test_a_world_without_an_oracle_says_so(lethe, capsys, tmp_path):
    assert lethe("reference", "build", "diffusion", "--oracle", "--out", str(tmp_path / "o"))[0] == 2
    assert "has no oracle" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
