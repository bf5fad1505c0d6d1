# `make demo` and `make test` are all a new machine needs; each sets up what it uses, once.
# VENV=/path/to/venv uses an existing environment instead of .venv: the one with torch in it has several GB.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

export DAGSTER_HOME := $(CURDIR)
export PYTHONUNBUFFERED := 1
# The demo's weights ship in the package, so nothing is asked of a model hub.
offline := $(if $(filter full,$(ETSY_ASSETS_PROFILE)),,HF_HUB_OFFLINE=1)
# One mark for each environment, in this folder: two clones may share an environment.
MARK := .setup/$(subst /,_,$(abspath $(VENV)))
# As a module of this folder, and not the installed command, which may be another clone's.
ETSY_ASSETS := $(offline) $(BIN)/python -m etsy_assets.cli.main

.PHONY: setup demo dev test lint clean

# The one place where anything is installed; it runs again only when its inputs change.
setup: $(MARK)

$(MARK): pyproject.toml setup.py tools/setup.sh
	VENV="$(VENV)" PYTHON="$(PYTHON)" bash tools/setup.sh
	@mkdir -p $(@D) && touch "$@"

demo: setup
	$(ETSY_ASSETS) demo

# exec: whoever ends make by a signal ends what it started.
dev: setup
	exec env $(ETSY_ASSETS) dev

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Two at a time, each file in one process: many tests wait for servers and daemons that they have started.
test: lint
	$(offline) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

clean:
	rm -rf .dagster data .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info demo_report.json
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
