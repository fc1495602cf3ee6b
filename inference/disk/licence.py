"""Under which licence a model is, as far as its folder says."""

import re
from pathlib import Path

READ_BYTES = 64 * 1024
_LINE = re.compile(r"^(license|license_name)\s*:\s*[\"']?([^\"'\n#]+)", re.MULTILINE)
_TEXTS = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt")


def licence_of(folder: Path) -> str:
    """The front matter of its README, else the first line of its LICENSE; empty if neither says."""
    front = _front_matter(_beginning(folder / "README.md"))
    named = dict(_LINE.findall(front))
    found = named.get("license", "").strip()
    if found in ("", "other") and "license_name" in named:
        found = named["license_name"].strip()
    return (found or _first_line(folder))[:80]


def _front_matter(text: str) -> str:
    if not text.startswith("---"):
        return ""
    front, closed, _ = text.removeprefix("---").partition("\n---")
    return front if closed else ""


def _first_line(folder: Path) -> str:
    for name in _TEXTS:
        for line in _beginning(folder / name).splitlines():
            if words := line.strip(" #*="):
                return words
    return ""


def _beginning(file: Path) -> str:
    try:
        with file.open("rb") as text:
            return text.read(READ_BYTES).decode("utf-8", errors="replace").replace("\r\n", "\n")
    except OSError:
        return ""
