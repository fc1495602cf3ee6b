from django.db import models


class RequestLog(models.Model):
    """One request to /v1, written when its last byte is out, whatever its ending. Never what was said, nor a key.

    Times are milliseconds. `phase` is where it ended. `stop_latency_ms`: from the deadline, or the client's leaving, to
    the moment when the runner dropped the row, as the runner measured it. Of an interrupted request neither
    phase nor times are known.
    """

    class Status(models.TextChoices):
        OK = "ok"
        TIMEOUT = "timeout"
        CLIENT_CLOSED = "client_closed"
        CANCELLED = "cancelled"
        ERROR = "error"
        REJECTED = "rejected"
        INTERRUPTED = "interrupted"  # the server was killed under it; written by the next start

    request_id = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()
    endpoint = models.CharField(max_length=40)
    model = models.CharField("model asked for", max_length=200)
    served_model = models.CharField("model served", max_length=200)
    backend = models.CharField(max_length=80)  # local, or the provider's name
    rule = models.CharField(max_length=510, default="")
    fell_back = models.CharField(max_length=300, default="")  # each target that failed before, and why
    api_key = models.CharField("API key", max_length=80)
    streamed = models.BooleanField()
    status = models.CharField(max_length=14, choices=Status)
    http_status = models.PositiveSmallIntegerField(null=True)
    finish_reason = models.CharField(max_length=20)
    error_code = models.CharField(max_length=60)
    phase = models.CharField(max_length=10)
    queue_ms = models.FloatField()
    load_ms = models.FloatField()
    prefill_ms = models.FloatField()
    decode_ms = models.FloatField()
    cloud_ms = models.FloatField(default=0)
    total_ms = models.FloatField()
    first_token_ms = models.FloatField(null=True)
    prompt_tokens = models.PositiveIntegerField()
    cached_tokens = models.PositiveIntegerField()
    completion_tokens = models.PositiveIntegerField()
    deadline_seconds = models.FloatField(null=True)
    deadline_source = models.CharField(max_length=10)
    stop_latency_ms = models.FloatField(null=True)
    client_retries = models.PositiveSmallIntegerField(default=0)
    ignored_wishes = models.CharField(max_length=200)

    class Meta:
        ordering = ["-id"]
        # One for each column that the log is filtered by: a value's newest rows are found without reading the others.
        # And one by time alone, with the ids: text in an id is looked for in it.
        indexes = [
            models.Index(fields=["at", "id", "request_id"], name="log_at"),
            *(
                models.Index(fields=[column, "at"], name=f"log_{column}")
                for column in ("status", "model", "api_key", "backend", "endpoint")
            ),
        ]
        verbose_name = "request"

    def __str__(self) -> str:
        return self.request_id
