"""`manage.py deadline_drill` against a real server: what an operator runs after an upgrade."""

from pathlib import Path

from tests.server import Server, environment, manage


def test_the_drill_reaches_every_phase_and_finds_them_in_bounds(server: Server) -> None:
    drill = server.manage("deadline_drill", "--slack", "4", check=False, timeout=400)
    rows = [
        line.split()[:3] for line in drill.stdout.splitlines() if line.startswith(("chat", "compl", "embed"))
    ]
    text = [[e, p, s] for e in ("chat", "completions") for p in PHASES for s in ("no", "yes")]
    assert rows == [*text, *(["embeddings", phase, "no"] for phase in PHASES[:-1])], drill.stdout
    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert not server.rows("SELECT * FROM settings_app_apikey WHERE name LIKE 'drill%'")


PHASES = ("load", "queue", "prefill", "decode")


def test_without_a_server_or_a_model_it_says_so(tmp_path: Path, tiny_model: Path) -> None:
    env = environment(tmp_path)
    no_model = manage(env, "deadline_drill", check=False)
    assert (no_model.returncode, "no model to drill" in no_model.stderr) == (1, True)
    manage(env, "add_model", "tiny", str(tiny_model))
    no_server = manage(env, "deadline_drill", check=False)
    assert (no_server.returncode, "No server runs on this home" in no_server.stderr) == (1, True)
    elsewhere = manage(env, "deadline_drill", "--url", "http://127.0.0.1:9", check=False)
    assert (elsewhere.returncode, "No server answers" in elsewhere.stderr) == (1, True)
