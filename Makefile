# Two commands do everything: `make demo` and `make test`. See README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_FLAGS := --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test check dev lock .venv

help: ## Say what each command does
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.venv: $(VENV)/.runtime ## Build the environment in .venv

dev: $(VENV)/.dev ## Add the tools that tests and checks need

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Vaivém needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements/runtime.lock pyproject.toml
	@echo "Installing what Vaivém needs (about a minute the first time)" >&2
	$(BIN)/pip install $(PIP_FLAGS) --require-hashes -r requirements/runtime.lock
	$(BIN)/pip install $(PIP_FLAGS) --no-deps -e .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.lock
	$(BIN)/pip install $(PIP_FLAGS) --require-hashes -r requirements/dev.lock
	touch $@
