"""A real model in real files that says what it is told to: its next token is a function of the last one alone.

Each script is cut into tokens that occur once in all of them. The embeddings of those tokens are orthogonal, attention
and feed-forward add nothing, and the head points from each token to the one after it: greedily and at any usual
temperature it says the script to its end, and then the end token. What comes after any other token is the end.
"""

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

CONTEXT_TOKENS = 131_072  # it says thousands in a second: what is endless does not come to its end
LONGEST_PIECE = 5  # characters, where the text allows it
HEAD = 8  # as wide as nothing can be
LOGIT = 50.0  # of the next token; all others have 0

START, END = "<|im_start|>", "<|im_end|>"
# The script that is said is named by the last message, whoever's it is.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n<|say ' + messages[-1]['content'] + '|>' }}{% endif %}"
)


class Endless(NamedTuple):
    """`text`, and then `again` for ever."""

    text: str
    again: str


def say(name: str) -> str:
    """The token that a prompt has to end with for the script of this name."""
    return f"<|say {name}|>"


def make_scripted_model(
    folder: Path,
    scripts: Mapping[str, str | Endless],
    *,
    chat_template: str = CHAT_TEMPLATE,
    tags: Iterable[str] = (),
    **tokenizer_config: object,
) -> Path:
    """Write the model into `folder` (made if missing) and return it.

    `scripts`: what is said after `say(name)`, or after a tag of that name. `tags` are tokens of their own where they
    first occur in a script; where they occur again they are put together from others, as models do it too.
    `tokenizer_config` is added to tokenizer_config.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tags = list(tags)
    openings = {name: name if name in tags else say(name) for name in scripts}
    special = list(dict.fromkeys([START, END, *openings.values(), *tags]))
    following: dict[str, str] = {}
    cutter = _Cutter(special, openings.values())
    for name, script in scripts.items():
        text, again = script if isinstance(script, Endless) else (script, "")
        said = cutter.cut(text)
        round_and_round = cutter.cut(again)
        pieces = [openings[name], *said, *round_and_round]
        following |= dict(zip(pieces, [*pieces[1:], round_and_round[0] if again else END], strict=True))
    vocabulary = _numbered(special, following)
    following = {_token(piece, special): _token(then, special) for piece, then in following.items()}
    weights = _weights(vocabulary, following)
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(_config(vocabulary, len(following) + 1)))
    _tokenizer(special, vocabulary).save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "eos_token": END,
                "clean_up_tokenization_spaces": False,
                "model_max_length": CONTEXT_TOKENS,
                "chat_template": chat_template,
            }
            | tokenizer_config
        )
    )
    return folder


class _Cutter:
    def __init__(self, special: list[str], openings: Iterable[str]) -> None:
        self._special = special
        self._used = {*special, "\n", ">"}  # what a prompt ends with
        self._unsaid = set(special) - set(openings)
        self._random = random.Random(0)

    def cut(self, text: str) -> list[str]:
        """Pieces that no other piece is equal to. ValueError if the text is too monotonous for that."""
        pieces: list[str] = []
        at = 0
        while at < len(text):
            piece = self._tag(text[at:]) or self._piece(text[at : self._next_tag(text, at)])
            while piece in self._used:  # the text ended, or a tag began, before it could be another
                if not pieces:
                    raise ValueError(f"{text!r} cannot be cut into pieces that are all different")
                last = pieces.pop()
                at -= len(last)
                self._used.discard(last)
                piece = last + piece
            self._used.add(piece)
            pieces.append(piece)
            at += len(piece)
        return pieces

    def _tag(self, text: str) -> str | None:
        for tag in self._special:
            if tag in self._unsaid and text.startswith(tag):
                self._unsaid.discard(tag)
                self._used.discard(tag)
                return tag
        return None

    def _next_tag(self, text: str, at: int) -> int:
        return min([found for tag in self._unsaid if (found := text.find(tag, at)) > at], default=len(text))

    def _piece(self, text: str) -> str:
        length = self._random.randint(1, LONGEST_PIECE)
        while text[:length] in self._used and length < len(text):
            length += 1
        return text[:length]


def _numbered(special: list[str], pieces: Iterable[str]) -> dict[str, int]:
    """The vocabulary: special tokens as they are, pieces and single bytes in byte-level BPE's letters."""
    spelled = [_token(piece, special) for piece in pieces]
    tokens = dict.fromkeys([*special, *spelled, *sorted(pre_tokenizers.ByteLevel.alphabet())])
    return {token: number for number, token in enumerate(tokens)}


def _token(piece: str, special: list[str]) -> str:
    if piece in special:
        return piece
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return "".join(letters for letters, _ in splitter.pre_tokenize_str(piece))


def _weights(vocabulary: dict[str, int], following: Mapping[str, str]) -> dict[str, np.ndarray]:
    """One direction for each token that another one follows; the first one is for all that nothing follows."""
    wide = len(following) + 1
    embedding = np.zeros((len(vocabulary), wide), np.float32)
    head = np.zeros((len(vocabulary), wide), np.float32)
    embedding[:, 0] = 1
    head[vocabulary[END], 0] = LOGIT
    for direction, (token, then) in enumerate(following.items(), 1):
        embedding[vocabulary[token]] = np.eye(1, wide, direction)
        head[vocabulary[then], direction] = LOGIT
    layer = "model.layers.0"
    return {
        "model.embed_tokens.weight": embedding,
        "model.norm.weight": np.ones(wide, np.float32),
        "lm_head.weight": head / wide**0.5,  # the norm made the direction so long
        f"{layer}.input_layernorm.weight": np.ones(wide, np.float32),
        f"{layer}.post_attention_layernorm.weight": np.ones(wide, np.float32),
        **{f"{layer}.self_attn.{name}_proj.weight": np.zeros((HEAD, wide), np.float32) for name in "qkv"},
        f"{layer}.self_attn.o_proj.weight": np.zeros((wide, HEAD), np.float32),
        f"{layer}.mlp.gate_proj.weight": np.zeros((HEAD, wide), np.float32),
        f"{layer}.mlp.up_proj.weight": np.zeros((HEAD, wide), np.float32),
        f"{layer}.mlp.down_proj.weight": np.zeros((wide, HEAD), np.float32),
    }


def _config(vocabulary: dict[str, int], wide: int) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": wide,
        "num_hidden_layers": 1,
        "intermediate_size": HEAD,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": HEAD,
        "rms_norm_eps": 1e-9,
        "vocab_size": len(vocabulary),
        "rope_theta": 10000.0,
        "max_position_embeddings": CONTEXT_TOKENS,
        "tie_word_embeddings": False,
        "eos_token_id": vocabulary[END],
    }


def _tokenizer(special: list[str], vocabulary: dict[str, int]) -> Tokenizer:
    """Without merges: a prompt is bytes and special tokens, and no piece of a script occurs in it by chance."""
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.add_special_tokens(special)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
