"""A member of staff who uses the pages of a real server without a browser."""

import re
from typing import Any

import httpx2

from tests.pages import PASSWORD
from tests.server import Server


class SignedIn:
    """`seen`: the text of all answers."""

    def __init__(self, server: Server, http: httpx2.Client) -> None:
        server.environment["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
        server.manage("createsuperuser", "--noinput", "--username", "ada", "--email", "", check=False)
        self.http = http
        self.seen: list[str] = []
        self.get("/login/")
        self.post("/login/", username="ada", password=PASSWORD)

    def get(self, path: str) -> httpx2.Response:
        return self._keep(self.http.get(path))

    def post(self, path: str, **form: Any) -> httpx2.Response:
        """Follows a redirect, as a browser does."""
        headers = {"x-csrftoken": self.http.cookies["mlx_manager_csrf"], "referer": str(self.http.base_url)}
        answer = self._keep(self.http.post(path, data=form, headers=headers))
        return self.get(answer.headers["location"]) if answer.status_code == 302 else answer

    def _keep(self, answer: httpx2.Response) -> httpx2.Response:
        self.seen.append(f"{answer.headers}\n{answer.text}")
        return answer


def number_in(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    assert found, pattern
    return int(found[1])
