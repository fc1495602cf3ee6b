# Two commands: `make run` and `make test`. Both install what they need; python3 >= 3.11 is all that must be there.
.DEFAULT_GOAL := run
.PHONY: run test install install-dev lock-check browser bench bench-deadlines bench-routing bench-logs

# uv from the PATH, or one in a virtual environment of its own: Debian's python3 takes no packages.
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
PYTHON := .venv/bin/python
# The backend of mlx on Linux: cpu, cuda or cuda12. On macOS mlx brings Metal, and none of them installs anything.
BACKEND ?= cpu

run: install
	@$(PYTHON) manage.py fetch_models
	@exec $(PYTHON) manage.py serve

test: install-dev browser
	@MLX_MANAGER_HOME=$(CURDIR)/.test-home MLX_MANAGER_TIMEOUT_FLOOR= $(PYTHON) -m pytest $(ARGS)

install: $(UV)
	@$(UV) sync --quiet --frozen --inexact --no-default-groups --group $(BACKEND)

install-dev: $(UV)
	@$(UV) sync --quiet --frozen --no-default-groups --group $(BACKEND) --group dev

lock-check: $(UV)
	@$(UV) lock --check

browser:
	@$(PYTHON) -m tests.browser

bench: install-dev
	@UV=$(UV) $(PYTHON) -m bench.engine $(ARGS)

bench-deadlines: install-dev
	@$(PYTHON) -m bench.deadlines $(ARGS)

bench-routing: install-dev
	@$(PYTHON) -m bench.routing $(ARGS)

bench-logs: install-dev
	@$(PYTHON) -m bench.logs $(ARGS)

.uv/bin/uv:
	@echo "Installing uv into .uv"
	@python3 -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv
