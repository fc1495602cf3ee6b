"""A random BERT on the spot: 2 layers, 64 wide, with sentence-transformers' files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

VOCABULARY, WIDE, LAYERS, HEADS, FEED_FORWARD = 1024, 64, 2, 4, 128
CONTEXT_TOKENS = 128
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = [f"word{number}" for number in range(VOCABULARY - len(SPECIAL))]


def make_tiny_encoder(folder: Path, *, pooling: str | None = "mean_tokens", **config: Any) -> Path:
    """Write the model into `folder` (made if missing) and return it. `config` overrides config.json.

    `pooling`: as in sentence-transformers' flags; None leaves its files out. A text of n WORDS is n + 2 tokens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "config.json", _config() | config)
    save_file(_weights(), folder / "model.safetensors", metadata={"format": "pt"})
    _tokenizer().save(str(folder / "tokenizer.json"))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT_TOKENS}
    _write(folder / "tokenizer_config.json", tokenizer | special)
    if pooling is not None:
        kinds = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
        _write(
            folder / "modules.json",
            [{"path": path, "type": f"sentence_transformers.models.{kind}"} for kind, path in kinds],
        )
        (folder / "1_Pooling").mkdir(exist_ok=True)
        _write(folder / "1_Pooling" / "config.json", {f"pooling_mode_{pooling}": True})
    return folder


def _config() -> dict[str, Any]:
    return {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": WIDE,
        "num_hidden_layers": LAYERS,
        "intermediate_size": FEED_FORWARD,
        "num_attention_heads": HEADS,
        "max_position_embeddings": CONTEXT_TOKENS,
        "vocab_size": VOCABULARY,
        "type_vocab_size": 2,
        "pad_token_id": 0,
    }


def _weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}

    def linear(name: str, rows: int, columns: int) -> None:
        weights[f"{name}.weight"] = (random.standard_normal((rows, columns)) / columns**0.5).astype(
            np.float32
        )
        weights[f"{name}.bias"] = (random.standard_normal(rows) * 0.1).astype(np.float32)

    def norm(name: str) -> None:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = (
            np.ones(WIDE, np.float32),
            np.zeros(WIDE, np.float32),
        )

    for name, rows in (("word", VOCABULARY), ("position", CONTEXT_TOKENS), ("token_type", 2)):
        weights[f"embeddings.{name}_embeddings.weight"] = random.standard_normal((rows, WIDE)).astype(
            np.float32
        )
    norm("embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            linear(f"{at}.attention.self.{part}", WIDE, WIDE)
        linear(f"{at}.attention.output.dense", WIDE, WIDE)
        linear(f"{at}.intermediate.dense", FEED_FORWARD, WIDE)
        linear(f"{at}.output.dense", WIDE, FEED_FORWARD)
        norm(f"{at}.attention.output.LayerNorm")
        norm(f"{at}.output.LayerNorm")
    linear("pooler.dense", WIDE, WIDE)
    return weights


def _tokenizer() -> Tokenizer:
    """A word is a token. It says to cut at 16, as some published ones do: that must not hold."""
    tokenizer = Tokenizer(
        models.WordLevel({token: id for id, token in enumerate([*SPECIAL, *WORDS])}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    return tokenizer


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content))
