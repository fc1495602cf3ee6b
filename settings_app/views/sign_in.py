from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.views import LoginView

from settings_app import setup


class SignIn(LoginView):
    """Django's own, which also says where the setup link is while there is no administrator."""

    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            **kwargs,
            setup_is_open=setup.is_open(),
            accounts_exist=get_user_model().objects.exists(),
        )
