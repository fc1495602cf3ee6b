"""What the tests of the log share."""

from tests.pages.conftest import browser as browser
