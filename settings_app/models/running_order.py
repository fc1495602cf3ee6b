from django.db import models


class RunningOrder(models.Model):
    """What a door wants to know of, or done to, the requests that run; the server carries it out and answers.

    The doors may be in other processes than the server, so the order goes through the table that both read.
    """

    class Verb(models.TextChoices):
        APPLY = "apply"  # to the requests of these endpoints, the deadlines that are stored
        LIST = "list"
        CANCEL = "cancel"
        EXTEND = "extend"

    given_at = models.DateTimeField(auto_now_add=True)
    verb = models.CharField(max_length=6, choices=Verb)
    asked = models.JSONField(default=dict)  # endpoints: keys; id: a request's; seconds
    who = models.CharField(max_length=150, default="")
    answer = models.JSONField(null=True)  # null until the server has answered

    def __str__(self) -> str:
        return f"order {self.pk}"
