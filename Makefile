# Commands of the template. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The folder in which `make new` creates the service, beside this checkout.
OUTPUT ?= ../workspace

# uv is taken from PATH, or installed into .uv/ once. It must not download a Python.
PYTHON ?= python3
UV := $(or $(shell command -v uv),.uv/bin/uv)
# renovate: datasource=pypi depName=uv
UV_VERSION := 0.13.9
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV
RUN := $(UV) run --no-sync

# Two processes, since tests often wait for other programs. Tests of a file share renderings, so they
# stay in one process. Slow files come first, in the order of pyproject.toml.
PARALLEL := --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# The source of the chassis is in the template folder, its tests and checks are in chassis/.
CHASSIS := ../<<cookiecutter.service_name>>/src/<<cookiecutter.__package>>
IN_CHASSIS := cd chassis && PATH="$(CURDIR)/.venv-chassis/bin:$$PATH" PYTHONPATH="$(CHASSIS)"

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.uv/bin/uv:
	@$(PYTHON) -m venv .uv || { echo "$(PYTHON) -m venv does not work here: install your system's venv package (python3-venv)." >&2; rm -rf .uv; exit 1; }
	@.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# A dependency group of pyproject.toml, as pinned in requirements/.
.venv/.%: requirements/%.txt | $(filter .uv/bin/uv,$(UV))
	@test -x .venv/bin/python || $(UV) venv --quiet --clear
	@$(UV) pip install --quiet --requirement $<
	@touch $@

# The chassis has a separate environment, with the dependencies of services.
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
new: .venv/.new ## Create a service in OUTPUT (default: ../workspace); ARGS="service_name=… database=mysql", PRESET=minimal
	@mkdir -p "$(OUTPUT)" || { echo 'Name a writable folder: make new OUTPUT=…' >&2; exit 1; }
	@if [ -t 0 ]; then ask=; else ask=--no-input; fi; \
	  $(RUN) cookiecutter . $$ask --output-dir "$(OUTPUT)" $(if $(PRESET),--config-file "presets/$(PRESET).yaml") $(ARGS)

.PHONY: demo
demo: .venv/.new ## Create two services in a temporary folder, start both, call both, and call one from the other
	@$(RUN) python scripts/demo.py

.PHONY: test
test: .venv/.test .venv-chassis/.test $(if $(ARGS),,test-chassis) ## Test the chassis and the template, including the tests of rendered services; needs no server
	@$(RUN) pytest -m "not long" $(PARALLEL) $(ARGS)

.PHONY: test-chassis
test-chassis: .venv-chassis/.test ## Test the chassis only; ARGS="tests/peers -k retry"
	@$(IN_CHASSIS) pytest $(PARALLEL) $(ARGS)

.PHONY: test-real
test-real: .venv/.test ## Test with real databases and Docker; missing ones are skipped, or fail with CI=true
	@$(RUN) pytest -m "not long" tests/systems $(ARGS)

.PHONY: test-all
test-all: test test-real ## Run `make test` and `make test-real`

.PHONY: test-long
test-long: .venv/.test ## Run the tests that take minutes
	@$(RUN) pytest -m long tests $(ARGS)

.PHONY: lint
lint: .venv/.test lint-chassis ## Check format, style, types and workflows of the template, and format and style of a service
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
format: .venv/.test .venv-chassis/.test ## Format the code and fix what ruff can fix
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .
	@$(IN_CHASSIS) ruff check --fix --config pyproject.toml "$(CHASSIS)/chassis"
	@$(IN_CHASSIS) ruff format --config pyproject.toml "$(CHASSIS)/chassis"

.PHONY: docs
docs: .venv/.docs ## Generate the table of options, and build the documentation into site/
	@$(RUN) python scripts/options_table.py
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --quiet --strict

.PHONY: settings
settings: .venv-chassis/.test ## Generate the reference of settings from the settings classes of the chassis
	@PYTHONDONTWRITEBYTECODE=1 .venv-chassis/bin/python scripts/update_settings.py

.PHONY: bench
bench: .venv/.test ## Measure what a request costs
	@$(RUN) python bench/run.py $(ARGS)
