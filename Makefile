# Atelier's commands. Each sets itself up first; `make` alone lists them. ARGS goes to the command as it stands, quotes
# included: make demo ARGS="--once --sweep 'my sweeps/first.yaml' --out out"

PYTHON ?= python3
ARGS ?=
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test bench chaos lint format start-over

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: .venv/ready  ## create .venv and install everything into it (pip, exact versions)

demo: .venv/ready  ## run Atelier on this machine and print the address of its page
	.venv/bin/atelier demo $(ARGS)

test: .venv/ready  ## run the tests, two files at a time
	.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: .venv/ready  ## measure first answers under load, the wall beside a static server, and memory
	.venv/bin/python -m tests.bench.first_answer $(ARGS)
	.venv/bin/python -m tests.bench.wall
	.venv/bin/python -m tests.bench.wall --signed
	.venv/bin/python -m tests.bench.memory

chaos: .venv/ready  ## kill, fill, lock and pause things on purpose, and tell which promises held
	.venv/bin/python -m tests.chaos $(ARGS)

lint: .venv/ready  ## check style, formatting and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --strict --cache-dir .mypy_cache/strict sweeps bot/domain
	.venv/bin/mypy

format: .venv/ready  ## mend what ruff can mend
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

# .venv/ready is written last and holds this folder's path. Without it a set-up was interrupted, and with another path the
# folder was moved (scripts and the editable install name it): both start over, as does a .venv whose Python is gone. A
# changed pyproject.toml or constraints.txt only installs what changed.
ifneq ($(shell test -x .venv/bin/python && cat .venv/ready 2>/dev/null),$(CURDIR))
.venv/ready: start-over
endif

start-over:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Atelier needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo "Name a newer one: make setup PYTHON=/path/to/python3.11" >&2; \
	  exit 1; }
	@$(PYTHON) -m venv --clear .venv

.venv/ready: pyproject.toml constraints.txt
	@echo "Installing Atelier's libraries into .venv; the first time takes some minutes."
	@rm -f .venv/ready
	@.venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@echo "$(CURDIR)" > .venv/ready
