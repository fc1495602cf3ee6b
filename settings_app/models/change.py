from django.db import models


class Change(models.Model):
    """One field of one setting, changed once: who did it, through which door, from what to what.

    An empty `field` is the row itself: made (`old` is null), or deleted (`new` is null).
    """

    class Door(models.TextChoices):
        PAGE = "page"
        ADMIN = "admin"
        API = "api"
        COMMAND = "command"

    at = models.DateTimeField(auto_now_add=True)
    who = models.CharField(max_length=150)
    door = models.CharField(max_length=10, choices=Door)
    table = models.CharField(max_length=40)
    row = models.CharField(max_length=100)
    label = models.CharField(max_length=200)
    field = models.CharField(max_length=60)
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.label}: {self.field}"
