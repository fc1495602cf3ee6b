"""The fields that say how tokens are chosen, through the front door: each changes the answer as it must."""

import math
from typing import Any

import pytest

from tests.server import Server
from tests.tiny_model import BEYOND_CONTEXT
from tests.v1.asking import CHAT, ask

COMPLETIONS = "/v1/completions"
PROMPTS: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "tell me everything"}]},
    COMPLETIONS: {"prompt": "tell me everything"},
}
BOTH = pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
END, LETTER, OTHER = "1", "40", "60"  # tokens; the last two are a character each


def said(server: Server, path: str, **fields: Any) -> tuple[str, str, int]:
    """The text, how it ended, and how many tokens were made."""
    body = {"model": "tiny", "max_tokens": 30, **PROMPTS[path], **fields}
    answer = ask(server, path, **body)
    assert answer.status_code == 200, answer.text
    [choice] = answer.json()["choices"]
    text = choice["text"] if path == COMPLETIONS else choice["message"]["content"]
    return text, choice["finish_reason"], answer.json()["usage"]["completion_tokens"]


@BOTH
def test_a_bias_of_100_always_brings_its_token(server: Server, path: str) -> None:
    text, reason, _ = said(server, path, logit_bias={LETTER: 100})
    assert (len(text), len(set(text)), reason) == (30, 1, "length")
    assert said(server, path, logit_bias={END: 100})[1:] == ("stop", 1)
    assert said(server, path, logit_bias={LETTER: 100, OTHER: 100}, temperature=2)[0].strip(text[0]) != ""


@BOTH
def test_top_k_of_one_and_min_p_of_one_are_greedy(server: Server, path: str) -> None:
    greedy = said(server, path, temperature=0)
    for one in ({"top_k": 1}, {"min_p": 1}):
        assert said(server, path, temperature=2, **one) == greedy
    for off in ({"top_k": 0}, {"top_k": -1}, {"min_p": 0}, {}):
        assert said(server, path, temperature=2, **off) != greedy


@BOTH
def test_a_frequency_penalty_ends_a_loop(server: Server, path: str) -> None:
    """It grows with each token, and eats up any head start; the presence penalty counts once, and does not."""
    loop: dict[str, Any] = {"temperature": 0, "max_tokens": 60, "logit_bias": {LETTER: 60}}
    assert len(set(said(server, path, **loop)[0])) == 1
    assert len(set(said(server, path, **loop, presence_penalty=2)[0])) == 1
    assert len(set(said(server, path, **loop, frequency_penalty=2)[0])) > 5


@BOTH
@pytest.mark.parametrize(
    ("penalty", "off"),
    [({"presence_penalty": 2}, 0), ({"presence_penalty": -2}, 0), ({"repetition_penalty": 0.1}, 1)],
)
def test_a_penalty_changes_the_text(server: Server, path: str, penalty: dict[str, float], off: float) -> None:
    greedy = said(server, path, temperature=0, max_tokens=200)[0]
    assert said(server, path, temperature=0, max_tokens=200, **penalty)[0] != greedy
    assert said(server, path, temperature=0, max_tokens=200, **dict.fromkeys(penalty, off))[0] == greedy


@BOTH
def test_min_tokens_keeps_the_end_away(server: Server, path: str) -> None:
    assert said(server, path, logit_bias={END: 100}, min_tokens=7)[1:] == ("stop", 8)
    assert said(server, path, logit_bias={END: 100}, min_tokens=30)[1:] == ("length", 30)


@BOTH
def test_a_seed_says_the_same_in_company(server: Server, path: str) -> None:
    one = said(server, path, seed=3, top_p=0.9, top_k=50, min_p=0.01)
    assert said(server, path, seed=3, top_p=0.9, top_k=50, min_p=0.01) == one
    assert said(server, path, seed=4, top_p=0.9, top_k=50, min_p=0.01) != one


@BOTH
def test_what_asks_for_nothing_is_taken(server: Server, path: str) -> None:
    nothing: dict[str, Any] = {
        "top_k": -1,
        "min_p": 0,
        "min_tokens": 0,
        "repetition_penalty": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "logit_bias": {},
        "n": 1,
        "logprobs": None,
    }
    nothing |= {"top_logprobs": 0, "logprobs": False} if path == CHAT else {"best_of": 1}
    assert said(server, path, temperature=0, **nothing) == said(server, path, temperature=0)
    assert said(server, path, temperature=0, **dict.fromkeys(nothing)) == said(server, path, temperature=0)


@BOTH
@pytest.mark.parametrize(
    ("change", "param", "says"),
    [
        ({"top_k": -2}, "top_k", ">= -1"),
        ({"top_k": 1.5}, "top_k", "int"),
        ({"min_p": 1.1}, "min_p", "<= 1.0"),
        ({"min_tokens": -1}, "min_tokens", ">= 0"),
        ({"min_tokens": 31}, "min_tokens", "more than the 30 tokens"),
        ({"repetition_penalty": 0}, "repetition_penalty", ">= 0.1"),
        ({"presence_penalty": 2.5}, "presence_penalty", "<= 2.0"),
        ({"frequency_penalty": -2.5}, "frequency_penalty", ">= -2.0"),
        ({"logit_bias": {"hello": 1}}, "logit_bias", "numbers of tokens"),
        ({"logit_bias": {"-1": 1}}, "logit_bias", "numbers of tokens"),
        ({"logit_bias": {"1" * 5000: 1}}, "logit_bias", "numbers of tokens"),
        ({"logit_bias": {"5": 101}}, "logit_bias", "from -100 to 100"),
        ({"logit_bias": {"5": "1"}}, "logit_bias", "from -100 to 100"),
        ({"logit_bias": {"5": True}}, "logit_bias", "from -100 to 100"),
        ({"logit_bias": {"1024": 1}}, "logit_bias", "this model's tokens are 0 to 1023"),
        ({"logit_bias": [[5, 1]]}, "logit_bias", "object"),
        ({"n": 2}, "n", "<= 1"),
    ],
)
def test_a_wrong_value_is_a_400_that_names_the_field(
    server: Server, path: str, change: dict[str, Any], param: str, says: str
) -> None:
    answer = ask(server, path, **{"model": "tiny", "max_tokens": 30, **PROMPTS[path], **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert says in error["message"]


def test_a_prompt_beyond_the_context_is_refused_before_any_work(server: Server) -> None:
    with server.http() as http:
        answer = http.post(COMPLETIONS, json={"model": "tiny", "prompt": BEYOND_CONTEXT, "stream": True})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["prompt_tokens"], row["completion_tokens"]) == ("rejected", 0, 0)


@BOTH
def test_a_stop_string_across_tokens_is_never_half_sent(server: Server, path: str) -> None:
    asked = {"model": "tiny", "temperature": 0, "max_tokens": 40, **PROMPTS[path]}
    whole = said(server, path, temperature=0, max_tokens=40)[0]
    stop = whole[20:32]  # the longest token has fewer characters
    text = ""
    with server.openai() as client:
        if path == CHAT:
            for chunk in client.chat.completions.create(**asked, stop=stop, stream=True):
                text += chunk.choices[0].delta.content or ""
                assert whole[: whole.index(stop)].startswith(text)
        else:
            for part in client.completions.create(**asked, stop=stop, stream=True):
                text += part.choices[0].text
                assert whole[: whole.index(stop)].startswith(text)
    assert text == whole[: whole.index(stop)]


class TestLogprobs:
    ASKED: dict[str, Any] = {"model": "tiny", "temperature": 0, "max_tokens": 15}

    def test_of_a_chat(self, server: Server) -> None:
        asked: Any = {**self.ASKED, **PROMPTS[CHAT], "logprobs": True}
        with server.openai() as client:
            choice = client.chat.completions.create(**asked, top_logprobs=20).choices[0]
            short = client.chat.completions.create(**asked).choices[0]
        assert choice.logprobs and choice.logprobs.content and short.logprobs and short.logprobs.content
        assert len(choice.logprobs.content) == 15
        assert b"".join(bytes(one.bytes or []) for one in choice.logprobs.content).decode(
            "utf-8", "replace"
        ).removeprefix(" ") == (choice.message.content)
        for one, other in zip(choice.logprobs.content, short.logprobs.content, strict=True):
            values = [top.logprob for top in one.top_logprobs]
            assert values == sorted(values, reverse=True) and len(values) == 20
            assert one.top_logprobs[0].token == one.token and values[0] == one.logprob  # greedy
            assert 0.99 < sum(map(math.exp, values)) < 1.0001 or values[-1] < 0
            assert (other.token, other.top_logprobs) == (one.token, [])
            assert other.logprob == pytest.approx(one.logprob, abs=1e-4)

    def test_of_a_chat_streamed(self, server: Server) -> None:
        asked: Any = {**self.ASKED, **PROMPTS[CHAT], "logprobs": True, "top_logprobs": 2}
        with server.openai() as client:
            whole = client.chat.completions.create(**asked).choices[0].logprobs
            chunks = list(client.chat.completions.create(**asked, stream=True))
        told = [
            one
            for chunk in chunks
            if chunk.choices[0].logprobs
            for one in chunk.choices[0].logprobs.content or []
        ]
        assert whole and whole.content
        assert [one.token for one in told] == [one.token for one in whole.content]
        assert sum(chunk.choices[0].logprobs is not None for chunk in chunks) > 3, "in pieces"

    def test_of_a_completion(self, server: Server) -> None:
        with server.openai() as client:
            choice = client.completions.create(**self.ASKED, prompt="hello", logprobs=5).choices[0]
            none = client.completions.create(**self.ASKED, prompt="hello", logprobs=0).choices[0]
        told = choice.logprobs
        assert told and told.tokens and told.token_logprobs and told.top_logprobs and told.text_offset
        assert [len(told.tokens), len(told.token_logprobs), len(told.text_offset)] == [15] * 3
        for token, logprob, top, offset in zip(
            told.tokens, told.token_logprobs, told.top_logprobs, told.text_offset, strict=True
        ):
            assert top[token] == logprob == max(top.values()) and len(top) <= 5
            assert token.startswith("bytes:") or choice.text[offset:].lstrip().startswith(token.strip())
        assert none.logprobs and none.logprobs.top_logprobs
        assert [list(top) for top in none.logprobs.top_logprobs] == [[token] for token in told.tokens]

    def test_of_completions_streamed(self, server: Server) -> None:
        asked: Any = {**self.ASKED, "prompt": ["hello", "good morning"], "logprobs": 1}
        with server.openai() as client:
            whole = client.completions.create(**asked).choices
            told: list[list[Any]] = [[], []]
            for chunk in client.completions.create(**asked, stream=True):
                for choice in chunk.choices:
                    if choice.logprobs:
                        told[choice.index] += zip(
                            choice.logprobs.tokens or [], choice.logprobs.text_offset or [], strict=True
                        )
        for index in range(2):
            logprobs = whole[index].logprobs
            assert logprobs and logprobs.tokens and logprobs.text_offset
            assert told[index] == list(zip(logprobs.tokens, logprobs.text_offset, strict=True))

    def test_none_unless_asked(self, server: Server) -> None:
        for path in (CHAT, COMPLETIONS):
            answer = ask(server, path, **self.ASKED, **PROMPTS[path]).json()
            assert answer["choices"][0]["logprobs"] is None

    @pytest.mark.parametrize(
        ("path", "change", "param"),
        [
            (CHAT, {"top_logprobs": 3}, "top_logprobs"),
            (CHAT, {"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
            (CHAT, {"logprobs": 3}, "logprobs"),
            (COMPLETIONS, {"logprobs": 6}, "logprobs"),
            (COMPLETIONS, {"logprobs": True}, "logprobs"),
            (COMPLETIONS, {"logprobs": 1, "echo": True}, "logprobs"),
        ],
    )
    def test_a_wrong_value_is_a_400(
        self, server: Server, path: str, change: dict[str, Any], param: str
    ) -> None:
        answer = ask(server, path, **{**self.ASKED, **PROMPTS[path], **change})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
