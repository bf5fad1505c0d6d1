# `make demo` and `make test` are all a new machine needs; each sets up what it uses, once.
# VENV=/path/to/venv uses an existing environment instead of .venv: the one with torch in it is 5.7 GB.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

export DAGSTER_HOME := $(CURDIR)
export PYTHONUNBUFFERED := 1
# Nothing here needs a model hub: the demo's weights ship in the package.
offline := HF_HUB_OFFLINE=1

.PHONY: setup demo dev test lint clean

# The one place where anything is installed; it runs again only when its inputs change.
setup: $(VENV)/.etsy-assets-setup

$(VENV)/.etsy-assets-setup: pyproject.toml setup.py tools/setup.sh
	VENV="$(VENV)" PYTHON="$(PYTHON)" bash tools/setup.sh
	@touch "$@"

demo: setup
	$(offline) $(BIN)/etsy-assets demo

dev: setup
	$(offline) $(BIN)/etsy-assets dev

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(offline) $(BIN)/python -m pytest

clean:
	rm -rf .dagster data .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info demo_report.json
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
