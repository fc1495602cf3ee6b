"""The doors of a setting that is one row, as its tests go through them: page, admin and API."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.test import Client

NAMES = ("page", "admin", "api")
Door = Callable[[str, Any], str]  # (field, value) → "" or what was said against it


@dataclass
class Doors:
    """`section` and `form`: where the page's context has the form. `filled`: its fields, with one changed."""

    staff: Client
    bearer: Client
    page: str
    section: str
    admin: str
    api: str
    filled: Callable[[str, Any], dict[str, Any]]
    form: str = "form"

    def named(self, name: str) -> Door:
        return {"page": self._by_page, "admin": self._by_admin, "api": self._by_api}[name]

    def _by_page(self, field: str, value: Any) -> str:
        answer = self.staff.post(self.page, self.filled(field, value))
        return _said(answer.context[self.section][self.form], field) if answer.status_code == 422 else ""

    def _by_admin(self, field: str, value: Any) -> str:
        answer = self.staff.post(self.admin, self.filled(field, value))
        return _said(answer.context["adminform"].form, field) if answer.status_code == 200 else ""

    def _by_api(self, field: str, value: Any) -> str:
        answer = self.bearer.put(self.api, json.dumps({field: value}), "application/json")
        return "" if answer.status_code == 200 else str(answer.json()["detail"][0]["msg"])


def _said(form: Any, field: str) -> str:
    return " ".join(form.errors.get(field, []))
