from django.db import models


class RunningOrder(models.Model):
    """Gives the requests that run the deadline that is stored now; the server carries it out and says for how many.

    The doors may be in other processes than the server, so the order goes through the table that both read.
    """

    given_at = models.DateTimeField(auto_now_add=True)
    endpoints = models.JSONField()  # keys of the endpoints that were changed
    changed = models.PositiveIntegerField(null=True)  # requests; null until the server has answered

    def __str__(self) -> str:
        return f"order {self.pk}"
