"""A runner that finds no model's caches mergeable. Run as `python -m tests.runner.serial_runner`."""

import sys

from inference.runner import generator
from inference.runner.__main__ import main

generator._can_batch = lambda model: False
sys.exit(main())
