"""Who may import whom: the house's walls, read off the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
MLX = {"mlx", "mlx_lm", "mlx_embeddings"}
RUNNER = PROJECT / "inference" / "runner"


def files(folder: str, *, outside: Path | None = None) -> list[Path]:
    found = sorted((PROJECT / folder).rglob("*.py"))
    assert found, folder
    return [file for file in found if outside is None or outside not in file.parents]


def imported(file: Path) -> Iterator[str]:
    """The modules a file imports, in full, wherever in it the import stands."""
    package = file.relative_to(PROJECT).parent.parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, node.module or ""]).strip(".")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def packages(file: Path) -> set[str]:
    return {module.split(".")[0] for module in imported(file)}


@pytest.mark.parametrize(
    ("who", "whom"),
    [
        (files("settings_app"), {"inference", "httpx", "httpx2", "httpcore2", *MLX}),
        (files("inference", outside=RUNNER), MLX),
        (files("mlx_manager"), MLX),
        (
            files("inference/runner"),
            {"django", "ninja", "settings_app", "mlx_manager", "httpx", "httpx2", "httpcore2"},
        ),
    ],
    ids=["settings_app", "inference outside the runner", "mlx_manager", "inference/runner"],
)
def test_a_wall_holds(who: list[Path], whom: set[str]) -> None:
    crossings = {str(file.relative_to(PROJECT)): packages(file) & whom for file in who}
    assert {file: crossed for file, crossed in crossings.items() if crossed} == {}


def test_the_runner_takes_only_the_frames_from_inference() -> None:
    for file in files("inference/runner"):
        for module in imported(file):
            if module.startswith("inference."):
                assert module.startswith(("inference.runner", "inference.messages", "inference.frames")), (
                    file,
                    module,
                )


def test_the_frames_need_nothing_but_msgspec() -> None:
    assert packages(PROJECT / "inference" / "messages.py") == {"msgspec", "typing"}
    assert packages(PROJECT / "inference" / "frames.py") == {"struct"}
