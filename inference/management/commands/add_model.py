from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from settings_app import local_models
from settings_app.changes import command_author
from settings_app.management.base import DatabaseCommand
from settings_app.models import LocalModel


class Command(DatabaseCommand):
    help = "Give a folder in mlx format a name under which clients can ask for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The model's name on the wire.")
        parser.add_argument("path", type=Path, help="The folder with config.json and model*.safetensors.")
        parser.add_argument(
            "--kind",
            choices=LocalModel.Kind.values,
            help="What the model makes. Default: read off its files.",
        )
        parser.add_argument(
            "--adapter", type=Path, help="The folder of an adapter that mlx_lm.lora made for this model."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            model = local_models.add(
                name=options["name"],
                path=options["path"],
                kind=options["kind"],
                adapter=options["adapter"],
                author=command_author(),
            )
        except ValidationError as error:
            raise CommandError(
                "\n".join(f"{field}: {' '.join(m)}" for field, m in error.message_dict.items())
            ) from error
        with_adapter = f" with the adapter {model.adapter}" if model.adapter else ""
        self.stdout.write(f"{model.name} ({model.kind}) is served from {model.path}{with_adapter}")
