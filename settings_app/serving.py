"""How requests are treated beside their deadlines: read, and changed from what a JSON body says."""

from collections.abc import Mapping

from settings_app import one_row
from settings_app.changes import Author
from settings_app.forms.serving import ServingForm
from settings_app.models import Serving


def current() -> Serving:
    return one_row.current(Serving)


def save(values: Mapping[str, object], author: Author) -> Serving:
    """As `one_row.save`."""
    return one_row.save(ServingForm, values, author)
