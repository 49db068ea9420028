# The template's verbs. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Where `make new` puts the service: a folder for all services, beside this one.
OUTPUT ?= ../workspace

# uv comes from PATH, or is brought into .uv/ once. It never downloads a Python of its own.
PYTHON ?= python3
UV := $(or $(shell command -v uv),.uv/bin/uv)
# renovate: datasource=pypi depName=uv
UV_VERSION := 0.13.9
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV
RUN := $(UV) run --no-sync

# Two at a time, since much of a test is waiting for other programs; a file's tests share what they
# render. What takes long comes first, as pyproject.toml has it.
PARALLEL := --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# The source of the chassis stands in the template, its tests and checks in chassis/.
CHASSIS := ../<<cookiecutter.service_name>>/src/<<cookiecutter.__package>>
IN_CHASSIS := cd chassis && PATH="$(CURDIR)/.venv-chassis/bin:$$PATH" PYTHONPATH="$(CHASSIS)"

.PHONY: help
help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.uv/bin/uv:
	@$(PYTHON) -m venv .uv || { echo "$(PYTHON) -m venv does not work here: install your system's venv package (python3-venv)." >&2; rm -rf .uv; exit 1; }
	@.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# A group of tools from pyproject.toml, as requirements/ pins it.
.venv/.%: requirements/%.txt | $(filter .uv/bin/uv,$(UV))
	@test -x .venv/bin/python || $(UV) venv --quiet --clear
	@$(UV) pip install --quiet --requirement $<
	@touch $@

# The chassis has an environment of its own, with what services depend on.
.venv-chassis/.test: requirements/chassis.txt | $(filter .uv/bin/uv,$(UV))
	@test -x .venv-chassis/bin/python || $(UV) venv --quiet --clear .venv-chassis
	@$(UV) pip install --quiet --python .venv-chassis/bin/python --requirement $<
	@touch $@

.PHONY: pins
pins: $(filter .uv/bin/uv,$(UV)) ## Pin the newest tools that pyproject.toml allows
	@for group in new test docs; do \
	  $(UV) export --quiet --upgrade --only-group $$group --no-hashes --no-annotate --no-header --output-file requirements/$$group.txt; \
	done
	@$(UV) export --quiet --upgrade --project chassis --group test --no-hashes --no-annotate --no-header --output-file requirements/chassis.txt

.PHONY: new
new: .venv/.new ## Make a service in OUTPUT (default: ../workspace); ARGS="service_name=… database=mysql", PRESET=minimal
	@mkdir -p "$(OUTPUT)" || { echo 'Name a folder that can be written: make new OUTPUT=…' >&2; exit 1; }
	@if [ -t 0 ]; then ask=; else ask=--no-input; fi; \
	  $(RUN) cookiecutter . $$ask --output-dir "$(OUTPUT)" $(if $(PRESET),--config-file "presets/$(PRESET).yaml") $(ARGS)

.PHONY: demo
demo: .venv/.new ## Make two services in a temporary folder, start them, call both, and let one ask the other
	@$(RUN) python scripts/demo.py

.PHONY: test
test: .venv/.test .venv-chassis/.test $(if $(ARGS),,test-chassis) ## Test the chassis and the template: renderings, and services that pass their own tests; needs no server
	@$(RUN) pytest -m "not long" $(PARALLEL) $(ARGS)

.PHONY: test-chassis
test-chassis: .venv-chassis/.test ## Test the chassis alone; ARGS="tests/peers -k retry"
	@$(IN_CHASSIS) pytest $(PARALLEL) $(ARGS)

.PHONY: test-real
test-real: .venv/.test ## Test with real databases and Docker; one that is missing is skipped, with CI=true it fails
	@$(RUN) pytest -m "not long" tests/systems $(ARGS)

.PHONY: test-all
test-all: test test-real ## Both

.PHONY: test-long
test-long: .venv/.test ## The tests that take minutes
	@$(RUN) pytest -m long tests $(ARGS)

.PHONY: lint
lint: .venv/.test lint-chassis ## Check format, style, types and pipelines of the template, and format and style of a service
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(RUN) check-jsonschema --builtin-schema vendor.renovate renovate.json
	@$(RUN) zizmor --quiet --offline .github/workflows
	@$(RUN) pytest tests/template/test_rendering.py -k "formatted_and_linted and defaults"

.PHONY: lint-chassis
lint-chassis: .venv-chassis/.test ## Check format, style, types and import rules of the chassis
	@$(IN_CHASSIS) ruff format --quiet --check --config pyproject.toml . "$(CHASSIS)/chassis"
	@$(IN_CHASSIS) ruff check --quiet --config pyproject.toml . "$(CHASSIS)/chassis"
	@$(IN_CHASSIS) mypy
	@$(IN_CHASSIS) lint-imports

.PHONY: format
format: .venv/.test .venv-chassis/.test ## Format, and mend what can be mended
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .
	@$(IN_CHASSIS) ruff check --fix --config pyproject.toml "$(CHASSIS)/chassis"
	@$(IN_CHASSIS) ruff format --config pyproject.toml "$(CHASSIS)/chassis"

.PHONY: docs
docs: .venv/.docs ## Write the table of options from cookiecutter.json, and build the pages into site/
	@$(RUN) python scripts/options_table.py
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --quiet --strict

.PHONY: settings
settings: .venv-chassis/.test ## Write the reference of settings from the settings classes of the chassis
	@PYTHONDONTWRITEBYTECODE=1 .venv-chassis/bin/python scripts/update_settings.py

.PHONY: bench
bench: .venv/.test ## Print what a request costs
	@$(RUN) python bench/run.py $(ARGS)
