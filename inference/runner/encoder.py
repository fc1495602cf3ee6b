"""An embedding model in memory: tokens in, vectors of length 1 out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx_embeddings
import numpy as np
from numpy.typing import NDArray

from inference.runner import model_folder
from inference.runner.loading import fitted, read
from inference.runner.model_folder import CannotLoad
from inference.runner.options import Progress
from inference.runner.text_tokens import SHORT, check_length

CACHED_BUFFERS_MAX_BYTES = 2**30  # mlx keeps a buffer for each shape it has seen, by default without end

POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}
POOLINGS = ("cls", "mean", "lasttoken")

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Dimensions:
    """The size of the model's vectors, and which shorter ones it was trained for (Matryoshka)."""

    size: int
    shortened: frozenset[int]


class Encoder:
    """`context_tokens` None: the folder does not say."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        """Raises CannotLoad and whatever mlx_embeddings raises."""
        mx.set_cache_limit(CACHED_BUFFERS_MAX_BYTES)
        config = model_folder.read_config(folder)
        self._pooling = _pooling(folder)
        model, self._tokenizer = mlx_embeddings.load(str(folder), lazy=True)
        self._model = fitted(model)
        read(self._model, progress)
        if self._pooling in ("cls", "mean") and hasattr(model.config, "classifier_pooling"):
            model.config.classifier_pooling = self._pooling  # ModernBERT pools by itself
        self._pad = self._tokenizer.pad_token_id or 0
        self.context_tokens = _context_tokens(folder, config, self._tokenizer.model_max_length)
        self.vocabulary = int(model.config.vocab_size)
        size = self.vectors([[self._pad] * 8]).shape[-1]
        self.dimensions = Dimensions(size, _matryoshka(config, size))

    def check_length(self, text: str) -> None:
        """Raises TooLong for far more than the context; else `tokens` would take seconds for it."""
        if self.context_tokens is not None and len(text) > SHORT * self.context_tokens:
            check_length(self._tokenizer, text, self.context_tokens)

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """With the tokens that the model begins and ends every text with; never cut."""
        encoded = self._tokenizer(
            texts, padding=False, truncation=False, return_attention_mask=False, verbose=False
        )
        return [list(ids) for ids in encoded["input_ids"]]

    def vectors(self, batch: list[list[int]]) -> Array:
        """One row for each input. Computed when it returns."""
        width = max(map(len, batch))
        ids = np.full((len(batch), width), self._pad, np.int32)
        mask = np.zeros((len(batch), width), np.int32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return unit(np.array(self._pooled(mx.array(ids), mx.array(mask)).astype(mx.float32)))

    def _pooled(self, ids: mx.array, mask: mx.array) -> mx.array:
        output = self._model(ids, attention_mask=mask)
        states: mx.array = output.last_hidden_state
        if self._pooling is None or states.ndim == 2:
            vectors: mx.array = output.text_embeds
            if vectors.ndim != 2:
                raise CannotLoad("The model makes a vector for each token, not one for each text.")
            return vectors
        if self._pooling == "cls":
            return states[:, 0]
        if self._pooling == "lasttoken":
            return states[mx.arange(len(states)), mask.sum(axis=1) - 1]
        weights = mask[:, :, None].astype(mx.float32)
        return (states * weights).sum(axis=1) / weights.sum(axis=1)


def unit(vectors: Array) -> Array:
    lengths = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    normalized: Array = vectors / np.maximum(lengths, 1e-12)
    return normalized


def _pooling(folder: Path) -> str | None:
    """How sentence-transformers would pool, whose files say it; None: as mlx_embeddings does for this model type.

    mlx_embeddings takes the mean in every BERT, also where the model was trained on its first token.
    """
    modules = {
        str(module.get("type")).rsplit(".")[-1]: module for module in _read(folder / "modules.json", [])
    }
    if "Pooling" not in modules or "Dense" in modules:  # layers behind the pooling are the library's to apply
        return None
    config = _read(folder / modules["Pooling"].get("path", "1_Pooling") / "config.json", {})
    chosen = [mode for flag, mode in POOLING_FLAGS.items() if config.get(flag)]
    mode = config.get("pooling_mode") or "+".join(chosen) or None
    if mode is not None and mode not in POOLINGS:
        raise CannotLoad(
            f"The model folder {folder.name} pools its tokens by {mode}. Known are: {', '.join(POOLINGS)}."
        )
    return mode


def _context_tokens(folder: Path, config: dict[str, Any], tokenizer_tokens: int) -> int | None:
    """The least of what the files say: positions, the tokenizer's limit, the length that was trained for."""
    positions = model_folder.context_tokens(folder)
    if positions is not None and config.get("model_type") == "xlm-roberta":
        positions -= int(config.get("pad_token_id", 1)) + 1  # its positions are counted from there
    trained = _read(folder / "sentence_bert_config.json", {}).get("max_seq_length")
    limits = [limit for limit in (positions, trained, tokenizer_tokens) if limit]
    shortest = min(limits, default=None)
    return (
        None if shortest is None or shortest >= 2**31 else int(shortest)
    )  # transformers writes 1e30 for unknown


def _matryoshka(config: dict[str, Any], size: int) -> frozenset[int]:
    if listed := config.get("matryoshka_dimensions"):
        return frozenset(int(dimensions) for dimensions in listed)
    return frozenset(range(1, size)) if config.get("is_matryoshka") else frozenset()


def _read(file: Path, otherwise: Any) -> Any:
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return otherwise
    except (OSError, ValueError) as error:
        raise CannotLoad(
            f"{file.name} of the model cannot be read ({error}). Get the model again."
        ) from error
