"""Test connection: the client that traffic uses asks the provider, and what came of it is stored beside it."""

from asgiref.sync import async_to_sync
from django.http import Http404

from inference.cloud.check import Checked, check
from settings_app import providers
from settings_app.models import Provider

CHANGED = "It was changed while it was tested. Test it again."


def run(id: int) -> tuple[Provider, Checked]:
    """The provider as it is stored now, and what was found. It need not be switched on. Takes up to 10 s.

    What was found is not stored if the provider was changed meanwhile; it is said instead. Raises Http404.
    """
    tested = Provider.objects.filter(pk=id).first()
    if tested is None:
        raise Http404(f"There is no provider {id}.")
    api_key, problem = providers.opened(tested.sealed_key)
    checked = _checked(tested) if api_key else Checked(False, f"It {problem}.", 0.0)
    stored = providers.record_test(
        tested, passed=checked.passed, said=checked.said, seconds=checked.seconds if api_key else None
    )
    now = Provider.objects.filter(pk=id).first()
    if now is None:
        raise Http404(f"Provider {id} was deleted while it was tested.")
    return now, checked if stored else Checked(False, CHANGED, checked.seconds)


def _checked(tested: Provider) -> Checked:
    columns = {column: getattr(tested, column) for column in providers.COLUMNS}
    return async_to_sync(check)(providers.known(**columns))
