# Renrakumo 連絡網. `make help` lists the targets; arguments go in ARGS="...".
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
SOURCES := app.py settings.py domain actions bot channels storage delivery web intake standins commands tests

# The newest Python that is there, new enough, and really runs (a pyenv shim may not).
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	if $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1; then echo $$name; break; fi; done)

# One more than there are cores, because journeys mostly wait; never more than four.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); \
	echo $$(( n > 3 ? 4 : n + 1 )))

.PHONY: demo test lint bench lock clean help venv

demo: $(VENV)/.stamp ## Show the whole way of a broadcast, with stand-ins. ARGS="--once --json report.json"
	@$(BIN)/renrakumo demo $(ARGS)

# Dozens of processes are started, and would each compile everything anew where none may keep it.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.stamp-dev ## Run the tests. ARGS="tests/domain -k approval"
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.stamp-dev ## Check style, types and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(wildcard $(SOURCES))
	$(BIN)/lint-imports

bench: $(VENV)/.stamp-dev ## Measure. ARGS="--json bench.json"
	@$(BIN)/renrakumo bench $(ARGS)

venv: $(VENV)/.stamp-dev ## Make the environment for working on the code.

COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(ARGS)

lock: $(VENV)/.stamp-dev ## Pin every dependency again. ARGS="--upgrade"
	$(COMPILE) --extra build -o requirements.lock
	$(COMPILE) --extra build --extra dev --constraint requirements.lock -o requirements-dev.lock
	@if grep -n '://' requirements.lock requirements-dev.lock; then \
		echo "a lock names a host" >&2; exit 1; fi

clean: ## Remove the environment, the caches and what the tests left (never var/).
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis \
		build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# An environment whose Python is gone is made anew.
define make_venv
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer, with venv, is needed" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
endef

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

$(VENV)/.stamp: requirements.lock
	$(make_venv)
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements.lock
	$(PIP) install --quiet --no-build-isolation --no-deps --no-index -e .
	@touch $@

$(VENV)/.stamp-dev: requirements-dev.lock $(VENV)/.stamp
	$(PIP) install --quiet --require-hashes --no-build-isolation --only-binary :all: \
		--no-binary dkimpy -r requirements-dev.lock
	@touch $@
