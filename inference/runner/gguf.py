"""Converts a llama in GGUF to an mlx folder: `python -m inference.runner.gguf SOURCE.gguf TARGET_FOLDER`.

mx.load reads Q4_0, Q4_1 and Q8_0 as affine quantisation with groups of 32, without loss.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlx.core as mx
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

GROUP_SIZE = 32  # of GGUF's Q4 and Q8 blocks
CONTROL, USER_DEFINED = 3, 4  # GGUF's token types that are matched before the text is split

# From llama.cpp's names to those of the llama in mlx_lm.
OUTSIDE_LAYERS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
IN_LAYERS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

Arrays = dict[str, mx.array]
Metadata = dict[str, Any]


class CannotConvert(Exception):
    """The file is not a GGUF that this module knows. The message says why."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="inference.runner.gguf", description=__doc__)
    parser.add_argument("source", type=Path, metavar="SOURCE.gguf")
    parser.add_argument("target", type=Path, metavar="TARGET_FOLDER")
    arguments = parser.parse_args()
    try:
        convert(arguments.source, arguments.target)
    except (CannotConvert, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def convert(source: Path, target: Path) -> None:
    """Write the folder beside its place and rename it: half a model is never there. A whole one stays.

    Raises CannotConvert and OSError.
    """
    arrays, metadata = _read(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write(draft, arrays, metadata)
        draft.chmod(0o755)  # mkdtemp's own is 0700
        _put_in_place(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _read(source: Path) -> tuple[Arrays, Metadata]:
    try:
        loaded: Any = mx.load(str(source), format="gguf", return_metadata=True)
    except RuntimeError as error:
        raise CannotConvert(f"{source.name} cannot be read as GGUF: {error}") from error
    arrays, metadata = loaded[0], {key: _plain(value) for key, value in loaded[1].items()}
    if metadata.get("general.architecture") != "llama":
        raise CannotConvert(f"{source.name} is no llama but {metadata.get('general.architecture')!r}.")
    if metadata.get("tokenizer.ggml.model") != "gpt2":
        raise CannotConvert(f"{source.name} has a tokenizer other than byte-level BPE.")
    return arrays, metadata


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, mx.array) else value


def _write(folder: Path, arrays: Arrays, metadata: Metadata) -> None:
    weights = _weights(arrays, metadata)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    _write_json(folder / "config.json", _config(weights, metadata))
    _tokenizer(metadata).save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(metadata))


def _put_in_place(draft: Path, target: Path) -> None:
    try:
        os.rename(draft, target)  # noqa: PTH104
    except OSError:
        if not (target / "config.json").exists():  # another process was faster, or something else is there
            raise


def _weights(arrays: Arrays, metadata: Metadata) -> Arrays:
    heads = metadata["llama.attention.head_count"]
    heads_of = {"attn_q": heads, "attn_k": metadata.get("llama.attention.head_count_kv", heads)}
    weights = {}
    for name, array in arrays.items():
        *place, part, kind = name.split(".")
        if part == "rope_freqs":
            continue
        if part in heads_of:
            array = _unpermuted(array, heads_of[part])
        if array.dtype == mx.float32:
            array = array.astype(mx.float16)  # norms: everything on disk is as precise as the scales
        weights[f"{_new_name(place, part)}.{kind}"] = array
    return weights


def _new_name(place: list[str], part: str) -> str:
    try:
        return f"model.layers.{place[1]}.{IN_LAYERS[part]}" if place else OUTSIDE_LAYERS[part]
    except (KeyError, IndexError):
        raise CannotConvert(f"The file has a tensor of no llama: {'.'.join([*place, part])}.") from None


def _unpermuted(rows: mx.array, heads: int) -> mx.array:
    """Undo llama.cpp's order of rows within a head (rope on neighbours) for mlx_lm's (rope on halves).

    Rows are whole in weights, scales and biases alike, so it works on quantised ones.
    """
    return rows.reshape(heads, -1, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def _config(weights: Arrays, metadata: Metadata) -> dict[str, Any]:
    heads = metadata["llama.attention.head_count"]
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": metadata["llama.embedding_length"],
        "num_hidden_layers": metadata["llama.block_count"],
        "intermediate_size": metadata["llama.feed_forward_length"],
        "num_attention_heads": heads,
        "num_key_value_heads": metadata.get("llama.attention.head_count_kv", heads),
        "rms_norm_eps": metadata["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": metadata.get("llama.rope.freq_base", 10000.0),
        "max_position_embeddings": metadata["llama.context_length"],
        "vocab_size": len(metadata["tokenizer.ggml.tokens"]),
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"],
        "quantization": _quantization(weights),
    }


def _quantization(weights: Arrays) -> dict[str, Any]:
    """The commonest width, and each layer that differs from it by name."""
    bits = {
        name.removesuffix(".scales"): weights[name.replace(".scales", ".weight")].shape[-1]
        * 32
        // (scales.shape[-1] * GROUP_SIZE)
        for name, scales in weights.items()
        if name.endswith(".scales")
    }
    widths = list(bits.values())
    common = max(set(widths), key=widths.count)
    others = {
        name: {"group_size": GROUP_SIZE, "bits": width} for name, width in bits.items() if width != common
    }
    return {"group_size": GROUP_SIZE, "bits": common, **others}


def _tokenizer(metadata: Metadata) -> Tokenizer:
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ", 1)) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = _pre_tokenizer(metadata)
    tokenizer.decoder = decoders.ByteLevel()
    types = metadata["tokenizer.ggml.token_type"]
    for token, kind in zip(tokens, types, strict=True):
        if kind in (CONTROL, USER_DEFINED):
            tokenizer.add_special_tokens([AddedToken(token, special=kind == CONTROL, normalized=False)])
    return tokenizer


def _pre_tokenizer(metadata: Metadata) -> pre_tokenizers.PreTokenizer:
    byte_level = pre_tokenizers.ByteLevel(
        add_prefix_space=metadata.get("tokenizer.ggml.add_space_prefix", False)
    )
    kind = metadata.get("tokenizer.ggml.pre", "default")
    if kind == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    if kind in ("default", "gpt-2"):
        return byte_level
    raise CannotConvert(f"The tokenizer splits text in a way that is not known here: {kind!r}.")


def _tokenizer_config(metadata: Metadata) -> dict[str, Any]:
    tokens = metadata["tokenizer.ggml.tokens"]
    special = {
        f"{role}_token": tokens[metadata[key]]
        for role, key in (
            ("bos", "tokenizer.ggml.bos_token_id"),
            ("eos", "tokenizer.ggml.eos_token_id"),
            ("unk", "tokenizer.ggml.unknown_token_id"),
            ("pad", "tokenizer.ggml.padding_token_id"),
        )
        if key in metadata
    }
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": metadata["llama.context_length"],
        "clean_up_tokenization_spaces": False,
        "add_bos_token": metadata.get("tokenizer.ggml.add_bos_token", False),
        "chat_template": metadata.get("tokenizer.chat_template"),
        **special,
    }


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
