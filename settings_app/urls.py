from django.contrib.auth import views as auth
from django.urls import path

from settings_app.views import api_keys, history, providers, rules, sections, serving, setup, timeouts
from settings_app.views.sign_in import SignIn

urlpatterns = [
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", auth.PasswordChangeView.as_view(), name="password_change"),
    path("password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("setup/<token>/", setup.first_administrator, name="setup"),
    path("settings/", sections.settings_page, name="settings"),
    path("settings/timeouts/", timeouts.save, name="settings-timeouts"),
    path("settings/timeouts/reset/", timeouts.reset, name="settings-timeouts-reset"),
    path("settings/timeouts/<slug:key>/suggest/", timeouts.suggest, name="settings-timeouts-suggest"),
    path("settings/providers/", providers.listing, name="settings-providers"),
    path("settings/providers/new/", providers.create, name="settings-provider-new"),
    path("settings/providers/<int:pk>/", providers.edit, name="settings-provider"),
    path("settings/providers/<int:pk>/switch/", providers.switch, name="settings-provider-switch"),
    path("settings/providers/<int:pk>/delete/", providers.delete, name="settings-provider-delete"),
    path("settings/serving/", serving.save, name="settings-serving"),
    path("settings/rules/", rules.index, name="settings-rules"),
    path("settings/rules/new/", rules.edit, name="settings-rules-new"),
    path("settings/rules/<int:rule_id>/", rules.edit, name="settings-rules-edit"),
    path("settings/rules/<int:rule_id>/switch/", rules.switch, name="settings-rules-switch"),
    path("settings/rules/<int:rule_id>/move/", rules.move, name="settings-rules-move"),
    path("settings/rules/<int:rule_id>/delete/", rules.delete, name="settings-rules-delete"),
    path("settings/rules/undo/<int:change_id>/", rules.undo, name="settings-rules-undo"),
    path("history/", history.history_page, name="history"),
    path("history/<int:change_id>/revert/", history.revert, name="history-revert"),
    path("keys/", api_keys.page, name="keys"),
    path("keys/create/", api_keys.create, name="keys-create"),
    path("keys/<int:pk>/revoke/", api_keys.revoke, name="keys-revoke"),
    path("keys/access/", api_keys.access, name="keys-access"),
]
