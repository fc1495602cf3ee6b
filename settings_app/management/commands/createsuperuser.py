from django.contrib.auth.management.commands import createsuperuser

from settings_app.management.base import DatabaseCommand


class Command(DatabaseCommand, createsuperuser.Command):
    """Django's own, which also works as the first command on a fresh home."""
