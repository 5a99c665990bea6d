# Two commands do everything: `make demo` and `make test`. See README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_FLAGS := --disable-pip-version-check --quiet
CATALOGS := $(wildcard src/vaivem/locale/*/LC_MESSAGES/*.po)
DATA = $(or $(VAIVEM_DATA_DIR),$(shell $(BIN)/python -m vaivem.cli.demo_folder "$(CURDIR)/.data"))
CHROMIUM := $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name) 2>/dev/null)))
TESTS ?= tests
PYTEST := $(BIN)/pytest -n 3 --dist worksteal
ifneq ($(CHROMIUM),)
tests = VAIVEM_CHROMIUM="$(CHROMIUM)" $(PYTEST) -m "$(1)" $(TESTS)
SAY := echo "Those in a browser ran too ($(CHROMIUM))."
else
tests = if [ -n "$$VAIVEM_REQUIRE_BROWSER" ]; then echo "There is no Chromium, and its tests are required." >&2; exit 1; fi; \
	$(PYTEST) -m "not browser and $(1)" $(TESTS)
SAY := echo "Left out: the tests in a browser, because there is no Chromium here (apt-get install chromium)."
endif
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help traces demo bench test soak check chaos dev messages lock .venv

help: ## Say what each command does
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.venv: $(VENV)/.runtime $(VENV)/.catalogs ## Build the environment in .venv

traces: .venv ## Add OpenTelemetry, for operators with a collector
	$(BIN)/pip install $(PIP_FLAGS) --require-hashes -r requirements/traces.lock

dev: .venv $(VENV)/.dev ## Add the tools that tests and checks need

demo: .venv ## Start Vaivém with two test accounts and a few days of history
	@VAIVEM_DATA_DIR="$(DATA)" $(BIN)/vaivem demo

bench: .venv ## Measure how fast Vaivém is on this machine (10 minutes at most)
	@VAIVEM_DATA_DIR="$(DATA)" $(BIN)/vaivem bench

test: dev ## Run the tests (those in a browser only where there is a Chromium)
	@$(call tests,not soak)
	@echo "Left out: what works whole installations for minutes, and most kills (make soak)."
	@$(SAY)

soak: dev ## Run the tests that work whole installations for minutes, and most kills
	@$(call tests,soak)
	@$(SAY)

check: dev ## Check style, types, imports, translations and migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/translations.py
	$(BIN)/python -m django makemigrations --check --dry-run --settings vaivem.hub.settings

chaos: .venv ## Break everything while events go through, and count (CHAOS=--long for all of it)
	@$(BIN)/vaivem chaos $(CHAOS)

messages: $(VENV)/.runtime ## Bring new texts into the translation catalogs, and compile them
	$(BIN)/python scripts/translations.py update
	$(BIN)/pybabel --quiet compile --directory src/vaivem/locale --domain django

lock: ## Choose versions anew (needs uv)
	$(LOCK) --output-file requirements/runtime.lock pyproject.toml
	$(LOCK) --extra traces --output-file requirements/traces.lock pyproject.toml
	$(LOCK) --group dev --output-file requirements/dev.lock pyproject.toml

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Vaivém needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(BIN)/python requirements/runtime.lock pyproject.toml
	@echo "Installing what Vaivém needs (about a minute the first time)" >&2
	$(BIN)/pip install $(PIP_FLAGS) --require-hashes -r requirements/runtime.lock
	$(BIN)/pip install $(PIP_FLAGS) --no-deps -e .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.lock
	$(BIN)/pip install $(PIP_FLAGS) --require-hashes -r requirements/dev.lock
	touch $@

$(VENV)/.catalogs: $(VENV)/.runtime $(CATALOGS)
	$(if $(CATALOGS),$(BIN)/pybabel --quiet compile --directory src/vaivem/locale --domain django)
	touch $@
