import asyncio
import gc
import ipaddress
import os
import signal
import socket
import sys
import warnings
from types import FrameType
from typing import Any

import uvicorn
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from inference import running
from settings_app import setup
from settings_app.management.base import DatabaseCommand
from settings_app.models import ApiKey, LocalModel

# So long a thread that writes the log keeps the event loop waiting. With Python's 5 ms the slowest first text of a
# hundred came 0.8 ms later.
SWITCH_SECONDS = 0.0005
GRACEFUL_SECONDS = (
    10  # what is still running then is cut; without a limit an open stream blocks the exit for ever
)


class Command(DatabaseCommand):
    help = "Serve /v1, the pages and the API until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        host = os.environ.get("HOST") or "127.0.0.1"
        port = os.environ.get("PORT") or "8000"
        parser.add_argument("--host", default=host, help=f"Address to bind (HOST; {host}).")
        parser.add_argument("--port", default=port, help=f"Port (PORT; {port}). 0: a free one.")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], _port(options["port"])
        if not _is_loopback(host):
            self._check_open_bind(host)
            settings.ALLOWED_HOSTS.append(host)
        # whitenoise hands static files over as plain iterators; they are small, and read whole.
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
        config = uvicorn.Config(
            "mlx_manager.asgi:application",
            host=host,
            port=port,
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
        self._address_file = settings.HOME / "address"
        for ending in (signal.SIGINT, signal.SIGTERM):
            # uvicorn shuts down in order and then raises the signal again, for whoever had it before: nobody.
            signal.signal(ending, lambda *_: None)
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            _Server(config, self).run()
        except SystemExit as ended:
            raise CommandError(f"Cannot serve on {host}, port {port}; the line above says why.") from ended
        self._address_file.unlink(missing_ok=True)

    def _check_open_bind(self, host: str) -> None:
        if not ApiKey.objects.exists():
            raise CommandError(
                f"Refusing to serve on {host} without an API key: everyone who reaches this machine could use it. "
                "Make one first: manage.py create_api_key NAME"
            )

    def announce(self, address: str) -> None:
        """What a person at the terminal needs now; and, for commands of this home, where it serves."""
        self._address_file.write_text(address)
        self.stdout.write(f"\nMLX Manager is at {address}\n")
        if setup.is_open():
            self.stdout.write(
                f"First, make its administrator (this link works once):\n  {address}{setup.path()}\n"
            )
        model = LocalModel.objects.order_by("id").first()
        if model:
            self.stdout.write(
                "Try it:\n"
                f"  curl {address}/v1/chat/completions -H 'Content-Type: application/json' \\\n"
                f"""    -d '{{"model": "{model.name}", "temperature": 0, "messages": """
                """[{"role": "user", "content": "What is the capital of France?"}]}'\n"""
            )
        else:
            self.stdout.write("No model yet: manage.py fetch_models, or manage.py add_model NAME FOLDER\n")
        self.stdout.write("Ctrl-C stops it.\n")
        self.stdout.flush()


class _Server(uvicorn.Server):
    """Says where it serves once it really does."""

    def __init__(self, config: uvicorn.Config, command: Command) -> None:
        super().__init__(config)
        self.command = command

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        running.drain()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """What runs may end; what still does shortly before it is cut is ended with a reason."""
        say_why = asyncio.get_running_loop().call_later(GRACEFUL_SECONDS - 1, running.fail_all)
        await super().shutdown(sockets=sockets)
        say_why.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        gc.freeze()  # what is there now stays: to look through it took 68 ms, in which every stream stood still
        if not self.should_exit:
            port = self.servers[0].sockets[0].getsockname()[1]
            host = self.config.host
            shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
            await sync_to_async(self.command.announce)(f"http://{shown}:{port}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(given: str | int) -> int:
    try:
        port = int(given)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise CommandError(f"PORT must be a number from 0 to 65535, not {given!r}.")
    return port
