"""What the hub has: models that match a search, and one repository with its files."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from django.conf import settings
from huggingface_hub import constants, get_token

from inference.hub.plan import HubFile
from settings_app.sizes import size_text

# Asked over httpx2 and not with HfApi: its list_models waits for an answer without a limit and tries a hub that fails
# six times, 31 s in all, while somebody looks at an empty page. Address and token are the library's.
ANSWER_SECONDS = 10.0  # in all, from the connection to the last byte
MOST_BYTES = 16 * 2**20  # a file is told in about 250, so this is some 60,000 of them
MOST_FOUND = 30
REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}\Z", re.ASCII)
SHOWN = ("downloads", "gated", "pipeline_tag", "safetensors", "tags")
DTYPE_BYTES = {
    "F64": 8,
    "I64": 8,
    "U64": 8,
    "F16": 2,
    "BF16": 2,
    "I16": 2,
    "U16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


class HubError(Exception):
    """The hub cannot be asked, or says no. The message says what to do."""


@dataclass(frozen=True)
class Found:
    """A model among those that match. `size_bytes`: its weights; None if the hub does not say."""

    repo: str
    downloads: int
    licence: str
    gated: bool
    size_bytes: int | None
    task: str


@dataclass(frozen=True)
class Repo:
    """`commit`: the version that `files` are of."""

    id: str
    commit: str
    licence: str
    gated: bool
    downloads: int
    files: tuple[HubFile, ...]


def endpoint() -> str:
    """HF_ENDPOINT, or the public hub."""
    return constants.ENDPOINT


def headers() -> dict[str, str]:
    """Of every request to the hub: the token of HF_TOKEN or of the library's token file, if there is one.

    The library's own headers ask the hub for a list of coding agents first, to count who calls.
    """
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    agent = {"user-agent": f"mlx-manager/{settings.VERSION}"}
    return agent | ({"authorization": f"Bearer {token}"} if token else {})


def search(text: str) -> list[Found]:
    """Models for mlx, those that are fetched most first. Raises HubError."""
    asked: dict[str, Any] = {
        "filter": "mlx",
        "search": text,
        "sort": "downloads",
        "limit": MOST_FOUND,
        "expand": list(SHOWN),
    }
    answer = _ask("/api/models", asked)
    if not isinstance(answer, list):
        raise HubError(_NONSENSE)
    with _readable():
        return [_found(entry) for entry in answer if is_repo(entry["id"])]


def repo(id: str) -> Repo:
    """The repository `owner/name` as it is now. Raises HubError."""
    if not is_repo(id):
        raise HubError("Write it as owner/name, like mlx-community/Qwen3-4B-4bit.")
    answer = _ask(f"/api/models/{id}", {"blobs": True}, id)
    if not isinstance(answer, dict):
        raise HubError(_NONSENSE)
    with _readable():
        return Repo(
            id=answer["id"],
            commit=answer["sha"],
            licence=_licence(answer),
            gated=bool(answer.get("gated")),
            downloads=int(answer.get("downloads") or 0),
            files=tuple(_file(entry) for entry in answer.get("siblings") or ()),
        )


def is_repo(id: str) -> bool:
    return bool(REPO.match(id)) and ".." not in id and "--" not in id


def _ask(path: str, query: dict[str, Any], repo: str = "") -> Any:
    if constants.is_offline_mode():
        raise HubError("This server is told to stay offline (HF_HUB_OFFLINE).")
    try:
        return json.loads(asyncio.run(_fetched(f"{endpoint()}{path}", query, repo)))
    except (TimeoutError, httpx2.TimeoutException):
        raise HubError(f"The hub did not answer within {ANSWER_SECONDS:.0f} s. Try again.") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise HubError(
            f"The hub at {endpoint()} cannot be reached ({type(error).__name__}). Is this machine online?"
        ) from None
    except ValueError:
        raise HubError(_NONSENSE) from None


async def _fetched(url: str, query: dict[str, Any], repo: str) -> bytes:
    """Asynchronous for its one clock: httpx2's own begins anew with each byte that comes, in the headers too."""
    body = bytearray()
    async with (
        asyncio.timeout(ANSWER_SECONDS),
        httpx2.AsyncClient(timeout=None, follow_redirects=True) as client,
        client.stream("GET", url, params=query, headers=headers()) as answer,
    ):
        if answer.is_error:
            raise HubError(_refusal(answer, repo))
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                raise HubError(f"The hub's answer is larger than {size_text(MOST_BYTES)}. {_IS_IT_A_HUB}")
    return bytes(body)


def _refusal(answer: httpx2.Response, repo: str) -> str:
    """The hub says 401 of what is not there too, unless the token is good."""
    status, code = answer.status_code, answer.headers.get("x-error-code", "")
    if code == "GatedRepo":
        return (
            f"{repo} is gated: ask for access on its page at the hub, then start the server with HF_TOKEN set to a "
            "token of that account."
        )
    if repo and (code == "RepoNotFound" or status in (401, 404)):
        return (
            f"The hub has no model {repo}, or it is private. Check the name; for a private one, set HF_TOKEN."
        )
    if status in (401, 403):
        return f"The hub refuses (status {status}). Check HF_TOKEN, and that its account may use this model."
    if status == 429:
        return "The hub asks for patience (status 429). Try again in some minutes."
    return f"The hub answered with status {status}. Try again later."


_IS_IT_A_HUB = "Is HF_ENDPOINT the address of a hub?"
_NONSENSE = f"The hub's answer cannot be read. {_IS_IT_A_HUB}"


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError):
        raise HubError(_NONSENSE) from None


def _found(entry: dict[str, Any]) -> Found:
    return Found(
        repo=entry["id"],
        downloads=int(entry.get("downloads") or 0),
        licence=_licence(entry),
        gated=bool(entry.get("gated")),
        size_bytes=_weights_bytes(entry.get("safetensors") or {}),
        task=str(entry.get("pipeline_tag") or ""),
    )


def _weights_bytes(safetensors: dict[str, Any]) -> int | None:
    """Of the version that is current; what the hub calls the storage used counts old versions too."""
    numbers = safetensors.get("parameters") or {}
    return sum(count * DTYPE_BYTES.get(dtype, 4) for dtype, count in numbers.items()) or None


def _licence(entry: dict[str, Any]) -> str:
    tags = [str(tag) for tag in entry.get("tags") or ()]
    return next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")


def _file(entry: dict[str, Any]) -> HubFile:
    path, lfs = str(entry["rfilename"]), entry.get("lfs")
    if lfs:
        return HubFile(path, int(lfs["size"]), sha256=str(lfs["sha256"]))
    return HubFile(path, int(entry.get("size") or 0), git_sha1=str(entry.get("blobId") or ""))
