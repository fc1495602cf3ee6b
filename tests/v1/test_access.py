"""Who may use /v1: keys, hosts, origins, binds."""

from hashlib import sha256
from pathlib import Path

import httpx2
import openai
import pytest

from tests.conftest import FLOOR
from tests.server import Server, environment, manage, serving


def _require_key(server: Server, required: bool) -> None:
    server.rows("UPDATE settings_app_access SET require_key_on_loopback = ?", required)


def test_on_loopback_no_key_is_needed_and_any_is_taken(server: Server) -> None:
    with server.http() as http:
        assert http.get("/v1/models").status_code == 200
        assert http.get("/v1/models", headers={"authorization": "Bearer whatever"}).status_code == 200


def test_once_required_a_key_is_needed_here_too_until_it_is_revoked(server: Server) -> None:
    printed = server.manage("create_api_key", "laptop").stdout
    key = printed.splitlines()[-1]
    _require_key(server, True)
    try:
        with server.http() as http:
            for headers in ({}, {"authorization": "Bearer mlx-wrong"}, {"authorization": f"Basic {key}"}):
                refused = http.get("/v1/models", headers=headers)
                assert refused.status_code == 401
                assert refused.json()["error"]["code"] == "invalid_api_key"
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key=key) as client:
            assert [model.id for model in client.models.list()] == ["tiny", "tiny-embed"]
        (stored,) = server.rows("SELECT digest, last4 FROM settings_app_apikey WHERE name = 'laptop'")
        assert stored == {"digest": sha256(key.encode()).hexdigest(), "last4": key[-4:]}
        server.rows("DELETE FROM settings_app_apikey WHERE name = 'laptop'")
        with server.http() as http:
            assert http.get("/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == 401
    finally:
        _require_key(server, False)


def test_what_a_proxy_on_this_machine_passes_on_needs_a_key(server: Server) -> None:
    with server.http() as http:
        assert http.get("/v1/models", headers={"x-forwarded-for": "127.0.0.1"}).status_code == 401
        assert http.get("/v1/models", headers={"forwarded": "for=10.0.0.1"}).status_code == 401


@pytest.mark.parametrize("path", ["/v1/models", "/settings/", "/api/settings/timeouts", "/health/live"])
def test_a_wrong_host_is_refused(server: Server, path: str) -> None:
    with server.http() as http:
        answer = http.get(path, headers={"host": "evil.example"}, follow_redirects=False)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_browsers_request_from_another_origin_is_refused(server: Server, headers: dict[str, str]) -> None:
    with server.http() as http:
        for method, path in [
            ("GET", "/v1/models"),
            ("OPTIONS", "/v1/chat/completions"),
            ("POST", "/v1/chat/completions"),
        ]:
            answer = http.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin")
            assert "access-control-allow-origin" not in answer.headers


def test_its_own_pages_may_use_it(server: Server) -> None:
    with server.http() as http:
        own = {"origin": server.url, "sec-fetch-site": "same-origin"}
        assert http.get("/v1/models", headers=own).status_code == 200


def test_an_open_bind_without_a_key_is_refused_and_with_one_needs_no_more(tmp_path: Path) -> None:
    env = environment(tmp_path, **FLOOR)
    refused = manage(env, "serve", "--host", "0.0.0.0", "--port", "0", check=False)
    assert refused.returncode == 1
    assert "create_api_key" in refused.stderr
    assert "Traceback" not in refused.stderr
    manage(env, "create_api_key", "phone")
    with serving(tmp_path, "--host", "0.0.0.0", **FLOOR) as server, server.http() as http:
        assert http.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("MLX_MANAGER_TIMEOUT_FLOOR", "soon"), ("MLX_MANAGER_TIMEOUT_FLOOR", "-1"), ("PORT", "x")],
)
def test_an_environment_that_cannot_be_used_ends_the_start_by_name(
    tmp_path: Path, name: str, value: str
) -> None:
    ended = manage(environment(tmp_path, **{name: value}), "serve", check=False)
    assert ended.returncode != 0
    assert name in ended.stderr


def test_pages_and_the_api_are_closed_to_strangers(server: Server) -> None:
    with httpx2.Client(base_url=server.url) as http:
        for path in ("/", "/settings/", "/keys/", "/history/", "/api/docs", "/api/openapi.json", "/nothing/"):
            answer = http.get(path)
            assert answer.status_code in (302, 401, 404), path
            assert answer.status_code != 302 or answer.headers["location"].startswith("/login/"), path
        assert http.get("/api/settings/timeouts").status_code == 401
        assert http.put("/api/settings/timeouts", json={"chat_seconds": 100}).status_code == 401
