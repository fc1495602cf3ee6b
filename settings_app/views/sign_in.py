from typing import Any

from django.contrib.auth.views import LoginView

from settings_app import setup


class SignIn(LoginView):
    """Django's own, which also says where the setup link is while nobody can sign in."""

    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, setup_is_open=setup.is_open())
