"""A start that cannot be says why in one line, and names what to change; never a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server import environment, manage


def _no_key(home: Path) -> None:
    (home / "secret_key").touch()


def _no_text_as_key(home: Path) -> None:
    (home / "secret_key").write_bytes(b"\xff\xfe")


def _no_database(home: Path) -> None:
    (home / "db.sqlite3").write_text("garbage " * 10)


def _only_a_file(home: Path) -> None:
    home.rmdir()
    home.touch()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_key, "secret_key holds no key"),
        (_no_text_as_key, "secret_key holds no key"),
        (_no_database, "file is not a database"),
        (_only_a_file, "MLX_MANAGER_HOME: cannot make"),
    ],
)
def test_a_home_that_cannot_be_used_is_said_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    spoil(home)
    ended = manage(environment(home), "set_timeout", check=False)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "more"),
    [(["--port", "70000"], {}), (["--port", "x"], {}), ([], {"PORT": "x"}), ([], {"PORT": "-1"})],
)
def test_a_port_that_is_none_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], more: dict[str, str]
) -> None:
    ended = manage(environment(tmp_path, **more), "serve", *arguments, check=False)
    assert ended.returncode == 1
    assert "PORT must be a number from 0 to 65535" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_administrator_can_be_made_before_anything_else(tmp_path: Path) -> None:
    env = environment(tmp_path, DJANGO_SUPERUSER_PASSWORD="correct horse battery")
    made = manage(env, "createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.com")
    assert "Superuser created" in made.stdout
