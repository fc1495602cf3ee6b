"""One model in one process: `python -m inference.runner --socket DESCRIPTOR --model /folder`.

Speaks the frames of `inference.messages` over a socket that it inherits from the server. Standard input is a pipe
whose other end the server holds for as long as it lives: when it closes, this process ends.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import get_args

from inference.runner.channel import Channel
from inference.runner.loop import serve
from inference.runner.options import Kind, Options


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    # Ctrl-C in a terminal reaches the whole process group; when a runner ends is for the server to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    options = Options(
        arguments.kind, arguments.prefill_chunk, arguments.prompt_cache_bytes, arguments.adapter
    )
    with Channel(arguments.socket) as channel:
        return serve(channel, arguments.model, options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="inference.runner", description=__doc__)
    parser.add_argument(
        "--socket", required=True, type=int, help="the descriptor of this end of a socket pair"
    )
    parser.add_argument("--model", required=True, type=Path, help="a folder in mlx format")
    parser.add_argument("--kind", choices=get_args(Kind), default=Options.kind, help="what the model makes")
    parser.add_argument("--prefill-chunk", type=int, default=Options.prefill_chunk, metavar="TOKENS")
    parser.add_argument("--prompt-cache-bytes", type=int, default=Options.prompt_cache_bytes, metavar="BYTES")
    parser.add_argument("--adapter", type=Path, help="a folder that mlx_lm.lora made, put onto the model")
    return parser.parse_args()


def _end_with_the_server() -> None:
    """Block until the server is gone, then end the process.

    The kernel closes the server's end of the pipe however it dies, kill -9 included. A thread, because the
    loop may be inside a step for seconds; it touches no mlx, whose arrays belong to the loop's thread.
    """
    try:
        while os.read(0, 1024):
            pass
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
