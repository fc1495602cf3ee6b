"""The order of the rules: moved, refused, told of in the history, and put back."""

from typing import Any

import pytest

from settings_app import history, rules
from settings_app.models import Change, Rule
from tests.settings.ruling import Call, made, patterns

pytestmark = pytest.mark.django_db


def test_the_order_is_the_position_without_gaps(call: Call) -> None:
    a, b, c = made(call, "a", "b", "c")
    assert patterns(call) == [(1, "a"), (2, "b"), (3, "c")]
    assert call("PUT", "/rules/order", {"order": [c, a, b]}).status_code == 200
    assert patterns(call) == [(1, "c"), (2, "a"), (3, "b")]
    assert call("DELETE", f"/rules/{a}").status_code == 204
    assert patterns(call) == [(1, "c"), (2, "b")]
    call("POST", "/rules", {"pattern": "first", "position": 1})
    assert patterns(call) == [(1, "first"), (2, "c"), (3, "b")]
    call("PATCH", f"/rules/{b}", {"position": 1})
    assert patterns(call) == [(1, "b"), (2, "first"), (3, "c")]


@pytest.mark.parametrize("named", [[], [1, 1], [1], [1, 2, 3]])
def test_an_order_that_does_not_name_each_rule_once_is_refused(call: Call, named: list[int]) -> None:
    ids = made(call, "a", "b")
    answer = call("PUT", "/rules/order", {"order": [ids[0] + number - 1 for number in named]})
    assert answer.status_code == 422
    assert "Name every rule once" in answer.json()["detail"][0]["msg"]
    assert patterns(call) == [(1, "a"), (2, "b")]


def test_a_rule_is_moved_beside_another(call: Call) -> None:
    a, b, c = made(call, "a", "b", "c")
    assert call("POST", f"/rules/{c}/move", {"before": a}).json()["position"] == 1
    assert call("POST", f"/rules/{a}/move", {"after": b}).json()["position"] == 3
    assert patterns(call) == [(1, "c"), (2, "b"), (3, "a")]
    assert call("POST", f"/rules/{a}/move", {"after": b}).json()["position"] == 3  # it is there already
    moved = list(Change.objects.filter(field="position").values_list("label", "old", "new"))
    assert moved == [("is exactly a", 2, 3), ("is exactly c", 3, 1)]


@pytest.mark.parametrize("body", [{}, {"before": 1, "after": 2}])
def test_a_move_names_one_neighbour(call: Call, body: Any) -> None:
    [id] = made(call, "a")
    answer = call("POST", f"/rules/{id}/move", body)
    assert (answer.status_code, answer.json()["detail"][0]["loc"][-1]) == (422, "before")


def test_two_who_move_at_once_both_have_their_way(call: Call) -> None:
    """Each saw a, b, c, d. One takes d before b, the other a after c."""
    a, b, c, d = made(call, "a", "b", "c", "d")
    call("POST", f"/rules/{d}/move", {"before": b})
    call("POST", f"/rules/{a}/move", {"after": c})
    assert patterns(call) == [(1, "d"), (2, "b"), (3, "c"), (4, "a")]
    call("DELETE", f"/rules/{b}")
    gone = call("POST", f"/rules/{d}/move", {"after": b})
    assert (gone.status_code, gone.json()["detail"][0]["loc"][-1]) == (422, "after")
    assert "is not there any more" in gone.json()["detail"][0]["msg"]


def test_an_order_made_from_one_that_is_gone_is_refused(call: Call) -> None:
    a, b, c = seen = made(call, "a", "b", "c")
    assert call("PUT", "/rules/order", {"order": [c, a, b], "was": seen}).status_code == 200
    late = call("PUT", "/rules/order", {"order": [b, a, c], "was": seen})
    assert (late.status_code, late.json()["detail"][0]["loc"][-1]) == (422, "was")
    assert f"it is {c}, {a}, {b} now" in late.json()["detail"][0]["msg"]
    assert patterns(call) == [(1, "c"), (2, "a"), (3, "b")]


def test_order_values_and_deleted_rules_can_be_put_back(call: Call) -> None:
    a, b, c = made(call, "a", "b", "c")
    call("PATCH", f"/rules/{a}", {"enabled": False})
    call("PUT", "/rules/order", {"order": [c, b, a]})
    call("DELETE", f"/rules/{b}")
    deleted, moved, switched = Change.objects.all()[:3]
    for change in (deleted, moved, switched):
        answer = call("POST", f"/history/{change.pk}/revert")
        assert answer.status_code == 200, answer.content
    assert patterns(call) == [(1, "a"), (2, "b"), (3, "c")]
    assert Rule.objects.get(pk=a).enabled
    assert call("POST", f"/history/{moved.pk}/revert").status_code == 422
    call("POST", f"/rules/{c}/move", {"before": a})
    call("POST", "/rules", {"pattern": "d", "position": 1})
    step = Change.objects.get(field="position")
    assert call("POST", f"/history/{step.pk}/revert").json()["new"] == 3
    assert patterns(call) == [(1, "d"), (2, "a"), (3, "c"), (4, "b")]
    assert call("POST", f"/history/{step.pk}/revert").status_code == 422


def test_the_order_of_many_rules_is_told_in_few_words() -> None:
    assert history.value_text([3, 1, 2], rules.ORDER) == "3, 1, 2"
    assert history.value_text(list(range(1, 1001)), rules.ORDER).endswith("11, 12, 988 more")
