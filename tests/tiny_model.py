"""A random llama on the spot: 2 layers, 64 wide, vocabulary 1,024. It loads as any mlx model does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY, WIDE, LAYERS, HEADS, KV_HEADS, FEED_FORWARD = 1024, 64, 2, 4, 2, 128
HEAD = WIDE // HEADS
CONTEXT_TOKENS = 32_768  # what no test lives to see the end of: 4,096 went by in 3 s
BEYOND_CONTEXT = "x " * CONTEXT_TOKENS

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' and not loop.first %}"
    "{{ raise_exception('The system message must come first.') }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_tiny_model(
    folder: Path,
    *,
    seed: int = 0,
    chat_template: str | None = CHAT_TEMPLATE,
    feed_forward: int = FEED_FORWARD,
    **config: Any,
) -> Path:
    """Write the model into `folder` (made if missing) and return it. `config` overrides config.json.

    `feed_forward` makes it large without making it slow: 1,536 bytes of weights each, beside 0.7 MB.

    Greedily it never ends by itself: the end token's logit is always 0, far below the best.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(_config() | {"intermediate_size": feed_forward} | config))
    save_file(_weights(seed, feed_forward), folder / "model.safetensors", metadata={"format": "mlx"})
    _tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "eos_token": "<|im_end|>",
                "clean_up_tokenization_spaces": False,
                "model_max_length": CONTEXT_TOKENS,
            }
            | ({"chat_template": chat_template} if chat_template else {})
        )
    )
    return folder


def _config() -> dict[str, Any]:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": WIDE,
        "num_hidden_layers": LAYERS,
        "intermediate_size": FEED_FORWARD,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "rms_norm_eps": 1e-5,
        "vocab_size": VOCABULARY,
        "rope_theta": 10000.0,
        "max_position_embeddings": CONTEXT_TOKENS,
        "tie_word_embeddings": False,
        "eos_token_id": 1,
    }


def _weights(seed: int, feed_forward: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int, scale: float) -> np.ndarray:
        return (random.standard_normal((rows, columns)) * scale).astype(np.float32)

    weights = {
        "model.embed_tokens.weight": matrix(VOCABULARY, WIDE, 1.0),
        "model.norm.weight": np.ones(WIDE, np.float32),
        "lm_head.weight": matrix(VOCABULARY, WIDE, 1.0),
    }
    weights["lm_head.weight"][:2] = 0  # <|im_start|>, <|im_end|>
    for layer in range(LAYERS):
        for name, rows, columns in (
            ("self_attn.q_proj", HEADS * HEAD, WIDE),
            ("self_attn.k_proj", KV_HEADS * HEAD, WIDE),
            ("self_attn.v_proj", KV_HEADS * HEAD, WIDE),
            ("self_attn.o_proj", WIDE, HEADS * HEAD),
            ("mlp.gate_proj", feed_forward, WIDE),
            ("mlp.up_proj", feed_forward, WIDE),
            ("mlp.down_proj", WIDE, feed_forward),
        ):
            weights[f"model.layers.{layer}.{name}.weight"] = matrix(rows, columns, 1.5 / columns**0.5)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{layer}.{name}.weight"] = np.ones(WIDE, np.float32)
    return weights


def _tokenizer() -> Tokenizer:
    """Byte-level BPE, trained on made-up words until it has exactly the vocabulary."""
    random = np.random.default_rng(0)
    syllables = [a + b for a in "bcdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er")]
    words = ["".join(random.choice(syllables, size=random.integers(1, 4))) for _ in range(3000)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(words)], trainer)
    return tokenizer
