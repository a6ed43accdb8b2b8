"""How commands end: one sentence and an exit status that a script can rely on."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from datahub.contract.clock import elapsed_s
from scenarios.listing import listing

ROOT = Path(__file__).parents[2]
QUICK = ("--city", "harbour", "--for", "2m", "--set", "warmup.duration=2m")


def environment(**settings: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CITYBRAIN_")}
    given = {f"CITYBRAIN_{name.upper()}": value for name, value in settings.items()}
    return clean | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "TERM": "dumb"} | given


def citybrain(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scenarios", *words]
    return subprocess.run(
        command, cwd=folder, env=environment(**settings), capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "water_main_brust"), "there is no scenario 'water_main_brust'; did you mean 'water_main_burst'?"),
        (("run", "calm_day", "--city", "harbor"), "there is no city 'harbor'; did you mean 'harbour'?"),
        (("run", "calm_day", "--set", "durration=2h"), "--set durration: unknown key 'durration'; did you mean"),
        (("run", "calm_day", "--set", "warmup"), "--set warmup: a setting is PATH=VALUE; write it like a.b=3"),
        (("run", "calm_day", "--for", "2parsec"), "'2parsec' is not a duration; write it like 1d12h, 90m or 45s"),
        (("run", "calm_day", "--for", "0h"), "--for: '0h' is no time at all; write it like 1d12h, 90m or 45s"),
        (("run", "calm_day", "--set", "duration=0h"), "'0h' is no time at all; write it like 1d12h, 90m or 45s"),
        (("run", "calm_day", "--bus", "nats", *QUICK), "there is no bus 'nats'; write local, mqtt or mqtt://host:port"),
    ],
)
def test_what_was_asked_for_wrongly_is_refused_in_one_sentence(
    words: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    ended = citybrain(tmp_path, *words)
    assert ended.returncode == 2
    assert ended.stderr.startswith("citybrain: ")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("port = [", "citybrain: citybrain.toml:1: this is not TOML: invalid value; correct this line\n"),
        ('city = "harbour"\nprot = 1\n', "citybrain: citybrain.toml:2: unknown setting 'prot'; did you mean 'port'?\n"),
    ],
)
def test_a_wrong_line_in_the_file_of_settings_is_named(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "citybrain.toml").write_text(text)
    ended = citybrain(tmp_path, "config")
    assert (ended.returncode, ended.stderr, ended.stdout) == (2, sentence, "")


def test_a_file_where_the_databases_should_lie_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("in the way")
    ended = citybrain(tmp_path, "city", "--city", "harbour", "--mqtt", "mqtt://127.0.0.1:1", "--data", "README.md")
    assert ended.returncode == 3
    assert ended.stderr.startswith("citybrain: cannot write to README.md (")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("what", ["kinds", "departments"])
def test_a_list_in_a_pipe_has_every_name_whole(what: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scenarios", "list", what]
    narrow = environment() | {"COLUMNS": "40", "CITYBRAIN_CITY": "harbour"}
    ended = subprocess.run(command, cwd=tmp_path, env=narrow, capture_output=True, text=True, timeout=60, check=True)
    lines = ended.stdout.splitlines()
    assert len(lines) == len(listing(what)[1]) + 1
    assert "…" not in ended.stdout
    assert all(line.split()[0].isidentifier() for line in lines[1:])


def test_an_unknown_option_and_a_seed_that_is_no_number_are_refused(tmp_path: Path) -> None:
    option = citybrain(tmp_path, "run", "calm_day", "--seeed", "4")
    assert option.returncode == 2
    assert "--seeed" in option.stderr
    assert "--seed" in option.stderr.replace("--seeed", "")
    seed = citybrain(tmp_path, "run", "calm_day", "--seed", "x")
    assert seed.returncode == 2
    assert "'--seed'" in seed.stderr


def test_a_broker_that_does_not_answer_is_named_with_a_way_to_start_one(tmp_path: Path) -> None:
    with socket.socket() as held:  # bound and not listening: nobody answers there
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        url = f"mqtt://127.0.0.1:{port}"
        remedies = {
            ("run", "calm_day", "--bus", url, *QUICK): "or use the embedded broker (--bus mqtt)",
            ("up", "--city", "harbour", "--port", "0", "--mqtt", url): "or name none (--mqtt, CITYBRAIN_MQTT)",
            ("field", "--city", "harbour", "--mqtt", url): "or name another with --mqtt or CITYBRAIN_MQTT",
            ("city", "--city", "harbour", "--mqtt", url): "or name another with --mqtt or CITYBRAIN_MQTT",
        }
        for words, remedy in remedies.items():
            ended = citybrain(tmp_path, *words)
            assert ended.returncode == 3
            assert ended.stderr.startswith(f"citybrain: no MQTT broker answers at {url} ("), words
            assert f"start one with 'mosquitto -p {port}', {remedy}" in ended.stderr
            assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_taken_port_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        for command in ("demo", "up"):
            ended = citybrain(tmp_path, command, "--city", "harbour", "--port", str(port))
            assert ended.returncode == 3
            assert ended.stderr.startswith(f"citybrain: port {port} of 127.0.0.1 is taken")
            assert ended.stderr.count("\n") == 1
            assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_that_is_none_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    for command in ("demo", "up"):
        ended = citybrain(
            tmp_path, command, "--city", "harbour", "--port", "0", certificate="nowhere.crt", certificate_key="no.key"
        )
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == "citybrain: nowhere.crt, which HTTPS needs, is no file; name a PEM file\n"
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_of_the_platform_has_explained_is_not_said_twice(tmp_path: Path) -> None:
    (tmp_path / "citybrain-data").write_text("in the way")
    ended = citybrain(tmp_path, "up", "--city", "harbour", "--port", "0")
    assert ended.returncode == 3
    assert ended.stderr.startswith("citybrain: cannot write to citybrain-data (")
    assert ended.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = citybrain(tmp_path, "run", "calm_day", "--out", "file", *QUICK)
    assert ended.returncode == 3
    assert ended.stderr.startswith("citybrain: cannot write to file (")
    assert "choose another folder with --out" in ended.stderr


def test_ctrl_c_ends_a_run_with_130_and_leaves_a_readable_database(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scenarios", "run", "calm_day", "--city", "harbour", "--out", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        database = tmp_path / "out" / "store" / "observations.duckdb"
        journal = tmp_path / "out" / "store" / "city.sqlite"
        end = elapsed_s() + 120
        while process.poll() is None and not (database.exists() and journal.exists() and _ticks(journal) > 20):
            assert elapsed_s() < end
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, said
    assert re.fullmatch(r"stopped in the warm-up, at .+ min of 72 h; nothing was judged\n", said)
    with duckdb.connect(str(database), read_only=True) as opened:
        row = opened.execute(
            "SELECT count(*), count(DISTINCT (device, property, sequence)) FROM observation"
        ).fetchone()
    assert row is not None
    assert row[0] == row[1] > 0


def test_ctrl_c_leaves_no_folder_that_nobody_asked_for(tmp_path: Path) -> None:
    words = ["run", "calm_day", "--city", "harbour", "--seed", "3", "--for", "2d", "--set", "warmup.duration=1m"]
    process = subprocess.Popen(
        [sys.executable, "-m", "scenarios", *words],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        transcript = tmp_path / "runs" / "calm_day-3" / "transcript.jsonl"
        journal = transcript.parent / "store" / "city.sqlite"
        end = elapsed_s() + 120
        while process.poll() is None and not (journal.exists() and _ticks(journal) > 20):
            assert elapsed_s() < end
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, said
    assert re.fullmatch(r"stopped at .+ min of 48 h; nothing was judged\n", said)
    assert not transcript.parent.exists()


def _ticks(journal: Path) -> int:
    """How many rounds the hub has evaluated and kept, as another process sees it."""
    import sqlite3

    try:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=0.2) as opened:
            return int(opened.execute("SELECT coalesce(max(id), 0) FROM hub_tick").fetchone()[0])
    except sqlite3.Error:
        return 0


@pytest.mark.parametrize(
    "words",
    [
        ("run", "calm_dya"),
        ("run", "calm_day", "--city", "nowhere"),
        ("run", "calm_day", "--bus", "pigeon"),
        ("run", "calm_day", "--set", "nonsense=1"),
        ("bench", "nosuch"),
    ],
)
def test_nobody_waits_for_the_simulation_to_be_told_of_a_typo(words: tuple[str, ...]) -> None:
    ended = f"""
import sys
from scenarios.cli import main
sys.argv[1:] = {list(words)!r}
try:
    main()
except SystemExit as end:
    print(end.code, [it for it in ("wntr", "simpy", "scipy") if it in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", ended], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "2 []", done.stdout + done.stderr
