"""Whatever an Add says, it is answered, and the process and the others live on."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.messages import ChatPrompt, Sampling, TextPrompt, TokenPrompt, Tools
from tests.runner.process import Prompt, Runner

MOST_INT, LEAST_INT = 2**64 - 1, -(2**63)  # of msgpack

integers = st.one_of(st.integers(-2, 1030), st.integers(LEAST_INT, MOST_INT))
floats = st.one_of(st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-300, 1e300]), st.floats())
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json = st.recursive(
    st.none() | st.booleans() | st.integers(LEAST_INT, MOST_INT) | floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
messages = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "type", "text", "name", "tool_calls"]), json, max_size=3
    )
    | st.fixed_dictionaries({"role": st.sampled_from(["user", "system"]), "content": texts}),
    max_size=3,
)
tools = st.builds(Tools, st.lists(st.dictionaries(texts, json, max_size=2), max_size=2), st.booleans())
switches = st.dictionaries(
    st.sampled_from(["tools", "messages", "message", "x", "enable_thinking"]) | texts, json
)
prompts = st.one_of(
    st.builds(ChatPrompt, messages),
    st.builds(ChatPrompt, messages, st.none() | tools, switches, st.none() | texts),
    st.builds(TextPrompt, texts),
    st.builds(TokenPrompt, st.lists(integers, max_size=6)),
)
samplings = st.builds(
    Sampling,
    max_tokens=st.integers(-1, 4),
    temperature=floats,
    top_p=floats,
    seed=st.none() | integers,
    stop=st.lists(texts, max_size=3).map(tuple),
    top_k=integers,
    min_p=floats,
    min_tokens=integers,
    repetition_penalty=st.just(1.0) | floats,
    presence_penalty=st.just(0.0) | floats,
    frequency_penalty=st.just(0.0) | floats,
    logit_bias=st.lists(st.tuples(integers, floats), max_size=2).map(tuple),
    logprobs=st.none() | integers,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=prompts, sampling=samplings, echo=st.booleans(), deadline=floats)
def test_nonsense_is_answered(
    runner: Runner, prompt: Prompt, sampling: Sampling, echo: bool, deadline: Any
) -> None:
    row = runner.add_prompt(prompt, sampling, deadline, echo=echo)
    neighbour = runner.add("hello there")
    assert runner.wait(row).end
    assert runner.wait(neighbour).done.reason == "length"
