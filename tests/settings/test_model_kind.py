"""What a folder's model makes, read off its files when it is added."""

import json
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from settings_app.local_models import kind_of
from settings_app.models import LocalModel
from tests.tiny_encoder import make_tiny_encoder
from tests.tiny_model import make_tiny_model

HUB = "models--org--Qwen3-Embedding-0.6B-4bit/snapshots/0123abc"


@pytest.mark.parametrize(
    ("path", "model_type", "files", "kind"),
    [
        ("a", "llama", [], "text"),
        ("a", "qwen3", [], "text"),
        ("a", "bert", [], "embedding"),
        ("a", "xlm-roberta", [], "embedding"),
        ("a", "modernbert", [], "embedding"),
        ("a", "qwen3", ["modules.json"], "embedding"),
        ("Qwen3-Embedding-0.6B-4bit", "qwen3", [], "embedding"),
        (HUB, "qwen3", [], "embedding"),
        ("embeddings/Qwen3-0.6B", "qwen3", [], "text"),
    ],
)
def test_the_kind_of_a_folder(
    tmp_path: Path, path: str, model_type: str, files: list[str], kind: str
) -> None:
    folder = tmp_path / path
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    for file in files:
        (folder / file).write_text("[]")
    assert kind_of(folder) == kind


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_config_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValidationError, match=r"config\.json"):
        kind_of(tmp_path)


@pytest.mark.django_db
def test_add_model_finds_the_kind_and_takes_the_operator_s_word(tmp_path: Path) -> None:
    encoder = make_tiny_encoder(tmp_path / "encoder")
    text = make_tiny_model(tmp_path / "text")
    call_command("add_model", "found", str(encoder))
    call_command("add_model", "plain", str(text))
    call_command("add_model", "said", str(text), "--kind", "embedding")
    assert dict(LocalModel.objects.values_list("name", "kind")) == {
        "found": "embedding",
        "plain": "text",
        "said": "embedding",
    }
