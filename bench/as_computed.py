"""Writes a model in the numbers that a runner on a CPU computes it in: `python -m bench.as_computed FOLDER NEW`.

On Metal and CUDA a runner computes with what the files hold, and nothing is written.
"""

import json
import shutil
import sys
from pathlib import Path

from inference.runner.loading import load

# isort: split
import mlx.core as mx
from mlx_lm.utils import save_model


def main() -> None:
    folder, new = map(Path, sys.argv[1:])
    if mx.default_device().type != mx.DeviceType.cpu:
        return
    new.mkdir(parents=True)
    save_model(new, load(folder, lambda share: None).model)
    config = json.loads((folder / "config.json").read_text())
    for name in ("quantization", "quantization_config"):
        config.pop(name, None)
    (new / "config.json").write_text(json.dumps({**config, "torch_dtype": "float32"}))
    for file in folder.glob("*token*"):
        shutil.copy(file, new)


if __name__ == "__main__":
    main()
