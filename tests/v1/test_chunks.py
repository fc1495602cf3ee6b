"""The chunk of a prompt and the kept prompts, as they are set: they reach the runners that run."""

import httpx2

from tests.server import Server
from tests.v1.asking import SHORT, ask
from tests.v1.pool import models, put, use
from tests.waiting import until


def test_chunk_and_prompt_cache_reach_a_runner_that_runs(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    body = {**SHORT, "model": "ant", "messages": [{"role": "user", "content": "the same words again " * 40}]}

    def cached() -> int:
        usage = ask(pool_server, **body).json()["usage"]
        return int(usage["prompt_tokens_details"]["cached_tokens"])

    cached()
    pids = pool_server.runner_pids()
    assert cached() > 100
    put(pool_api, prompt_cache_gb=0, prefill_chunk=128)
    until(lambda: any("at most 128 tokens of a prompt in a step" in line for line in pool_server.lines))
    assert models(pool_api)["ant"]["prompt_cache_bytes"] == 0
    assert (cached(), cached()) == (0, 0)
    put(pool_api, prompt_cache_gb=1)
    until(lambda: cached() > 100)
    assert pool_server.runner_pids() == pids


def test_a_request_stops_at_the_end_of_a_chunk_of_the_size_that_is_set(
    pool_server: Server, pool_api: httpx2.Client
) -> None:
    """What a cut prefill leaves for the second try is whole chunks: that tells their size from outside."""
    put(pool_api, prefill_chunk=2048)
    use(pool_server, "ant")  # it is loaded, with another chunk
    put(pool_api, prefill_chunk=128)
    words, seconds = 700, 0.2
    for attempt in range(9):  # where it is cut depends on how fast the machine is
        long = [{"role": "user", "content": f"{attempt} " + "bananas? " * words}]
        body = {**SHORT, "model": "ant", "messages": long}
        began = ask(pool_server, **body, timeout=seconds)
        usage = ask(pool_server, **body).json()["usage"]
        kept = int(usage["prompt_tokens_details"]["cached_tokens"])
        if began.status_code == 200 or began.json()["error"]["phase"] != "prefill":
            words = min(2 * words, 5600)
        elif kept <= 128:
            seconds *= 2
        else:
            break
    else:
        raise AssertionError("no prefill was cut in its middle")
    assert kept < usage["prompt_tokens"] - 1
    assert kept % 128 in range(16), "what the prompts before have in common with it, and whole chunks"
