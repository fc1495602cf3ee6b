from django.db import models
from django.db.models import Q


class Download(models.Model):
    """A model that is fetched from the hub, and how far that is. Doors write what is wanted, the server what happened.

    `files` is the plan: `path`, `size_bytes`, and `sha256` or `git_sha1` of each. `serve_as`: the name that it gets
    when it is here; empty is none. `problem`: why it failed, or what else is to be said of it.
    """

    class State(models.TextChoices):
        WAITING = "waiting"  # for its turn, also after a restart
        RUNNING = "running"
        PAUSED = "paused"
        FAILED = "failed"
        CANCELLED = "cancelled"  # the server removes it and what is there of it
        DONE = "done"

    OPEN = (State.WAITING, State.RUNNING, State.PAUSED, State.FAILED)

    repo = models.CharField(max_length=200)
    commit = models.CharField(max_length=64)
    files = models.JSONField()
    serve_as = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    problem = models.CharField(max_length=500, blank=True)
    who = models.CharField(max_length=150)
    door = models.CharField(max_length=10)
    begun_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["repo"],
                condition=Q(state__in=("waiting", "running", "paused", "failed")),
                name="one_download_of_a_model",
            )
        ]

    def __str__(self) -> str:
        return self.repo

    @property
    def total_bytes(self) -> int:
        return sum(int(file["size_bytes"]) for file in self.files)
