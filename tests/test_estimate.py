"""What a model will take, told from its files."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from inference.estimate import DEQUANTIZED_MAX_BYTES, WORKING_SHARE, needed_bytes, size_bytes
from inference.runner import loading
from tests.tiny_adapter import make_tiny_adapter
from tests.tiny_model import make_tiny_model

MB = 2**20


def share(resident: int) -> int:
    return round(resident * (1 + WORKING_SHARE))


def test_floats_are_what_they_are_on_disk_and_four_bytes_each_on_a_cpu(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    save_file({"a": np.zeros((1000, 500), np.float16)}, tmp_path / "model.safetensors")
    assert needed_bytes(tmp_path, on_cpu=False) == pytest.approx(share(1_000_000), rel=0.01)
    assert needed_bytes(tmp_path, on_cpu=True) == pytest.approx(share(2_000_000), rel=0.01)


def test_quantised_numbers_become_floats_on_a_cpu_by_their_layers_bits(tmp_path: Path) -> None:
    quantization = {"group_size": 32, "bits": 4, "embed": {"group_size": 32, "bits": 8}}
    (tmp_path / "config.json").write_text(json.dumps({"quantization": quantization}))
    packed: dict[str, np.ndarray] = {
        "layer.weight": np.zeros(1000, np.uint32),  # of 4 bits: 8,000
        "layer.scales": np.zeros(250, np.float16),
        "embed.weight": np.zeros(1000, np.uint32),  # of 8 bits: 4,000
    }
    save_file(packed, tmp_path / "model.safetensors")
    assert needed_bytes(tmp_path, on_cpu=True) == pytest.approx(share((8_000 + 4_000 + 250) * 4), abs=1)
    assert needed_bytes(tmp_path, on_cpu=False) == pytest.approx(share(8_500), rel=0.1)


def test_all_parts_of_a_model_count(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for part in (1, 2):
        save_file({f"a{part}": np.zeros(MB, np.float32)}, tmp_path / f"model-0000{part}-of-00002.safetensors")
    assert needed_bytes(tmp_path, on_cpu=True) == pytest.approx(share(8 * MB), abs=1)
    assert size_bytes(tmp_path) == pytest.approx(8 * MB, rel=0.01)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0[]", b"\x05\0\0\0\0\0\0\0nojso"])
def test_what_cannot_be_read_counts_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "model.safetensors").write_bytes(content)
    assert needed_bytes(tmp_path, on_cpu=True) == pytest.approx(share(len(content)), abs=1)
    assert needed_bytes(tmp_path / "nowhere", on_cpu=False) == 0


def test_the_runner_dequantises_up_to_the_same_size() -> None:
    assert DEQUANTIZED_MAX_BYTES == loading.DEQUANTIZED_MAX_BYTES


def test_it_is_near_what_a_runner_says(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path, feed_forward=5_000)
    assert needed_bytes(folder, on_cpu=True) == pytest.approx(share(size_bytes(folder)), rel=0.01)


@pytest.mark.parametrize(
    "config",
    ["[]", '{"quantization": ["bits"]}', '{"quantization": {"bits": 0}}', '{"quantization": {"bits": -4}}'],
)
def test_a_config_that_makes_no_sense_is_the_runners_to_say(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    save_file({"layer.weight": np.zeros(MB, np.uint32)}, tmp_path / "model.safetensors")
    assert needed_bytes(tmp_path, on_cpu=True) == pytest.approx(share(4 * MB), rel=0.01)


def test_a_link_that_leads_nowhere_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "gone")
    assert size_bytes(tmp_path) == 0


def test_an_adapter_counts_and_what_training_left_beside_it_does_not(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model")
    adapter = make_tiny_adapter(tmp_path / "adapter")
    save_file({"a": np.zeros(MB, np.float32)}, adapter / "0000100_adapters.safetensors")
    weights = (adapter / "adapters.safetensors").stat().st_size
    for on_cpu in (True, False):
        more = needed_bytes(folder, adapter, on_cpu=on_cpu) - needed_bytes(folder, on_cpu=on_cpu)
        assert more == pytest.approx(share(weights), rel=0.1)
