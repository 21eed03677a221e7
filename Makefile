# Each target works on a machine with Python 3.11+, git and make: .venv and uv are made where they are missing.
.DEFAULT_GOAL := help
.PHONY: help venv venv-airflow-2 demo up test lint streams lock pictures bench bench-envs trials clean

SHELL := /bin/bash
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo "$$name" && break; done)
REQUIREMENTS := requirements/airflow-3.txt
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-from
# The user's uv, else the one that was put into .venv, which `uv pip sync` would remove: so pip keeps it apart.
UV := $(shell command -v uv || echo $(VENV)/uv/bin/uv)
# Airflow 2.11 beside it; it ends at Python 3.12.
REQUIREMENTS_2 := requirements/airflow-2.txt
VENV_2 := .venv-airflow-2
STAMP_2 := $(VENV_2)/.installed-from
PYTHON_2 ?= $(shell for name in "$(PYTHON)" python3.12 python3.11 python3; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo "$$name" && break; done)

# Each contender of the benchmarks has an environment of its own.
BENCH_ENVS := server plain http dlt airbyte plots

# Airflow must not find, nor write, anything of the user's; uv must not fetch a Python.
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:  ## Say what there is.
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

venv: $(STAMP)  ## Make .venv with everything pinned.

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "No Python 3.11, 3.12 or 3.13 found. Name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; fi
	@$(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || $(BIN)/python -m pip install --quiet --target $(VENV)/uv uv

$(STAMP): $(REQUIREMENTS) pyproject.toml | $(BIN)/python
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes $(REQUIREMENTS)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

venv-airflow-2: $(STAMP_2)  ## Make .venv-airflow-2, the same with Airflow 2.11.

$(VENV_2)/bin/python: | $(BIN)/python
	@if [ -z "$(PYTHON_2)" ]; then echo "Airflow 2.11 needs Python 3.11 or 3.12. Name one: make PYTHON_2=/path/to/python3.12 ..." >&2; exit 1; fi
	@$(PYTHON_2) -m venv --without-pip $(VENV_2)

$(STAMP_2): $(REQUIREMENTS_2) pyproject.toml | $(VENV_2)/bin/python
	@$(UV) pip sync --quiet --python $(VENV_2)/bin/python --require-hashes $(REQUIREMENTS_2)
	@$(UV) pip install --quiet --python $(VENV_2)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: venv  ## From a (local) Livestorm workspace to files: the whole way in one command.
	@$(BIN)/python -m scripts.demo

up: venv  ## Airflow with the sandbox and the connection in place, until Ctrl-C.
	@$(BIN)/python -m scripts.up

test: venv venv-airflow-2  ## The whole suite, on both lines of Airflow, in two processes.
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

lint: venv  ## Formatting, lint, types, import contract.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

streams: venv  ## Write docs/streams.md out of the catalogue.
	@$(BIN)/python -m scripts.streams_page

lock: | $(BIN)/python  ## Compile the pinned requirement files anew.
	$(UV) pip compile --quiet pyproject.toml --constraints requirements/airflow-3.in \
		--extra parquet --extra sandbox --group test --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file $(REQUIREMENTS)
	$(UV) pip compile --quiet pyproject.toml requirements/airflow-2.in \
		--extra sandbox --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file $(REQUIREMENTS_2)
	for name in $(BENCH_ENVS); do $(UV) pip compile --quiet benchmarks/requirements/$$name.in \
		--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --output-file benchmarks/requirements/$$name.txt || exit 1; done

pictures: venv  ## Take the pictures for the docs, of the sandbox's page and of Connect; needs chromium.
	@mkdir -p docs/images
	@LIVESTORM_PICTURES=docs/images $(BIN)/python -m pytest -q tests/sandbox/test_page_looks.py -k pictures
	@LIVESTORM_PICTURES=docs/images $(BIN)/python -m pytest -q tests/e2e/test_connect.py -k reconnects

bench: venv bench-envs  ## Measure this beside what you would pick instead; two and a half hours, on a machine that does nothing else.
	@$(BIN)/python -m benchmarks

bench-envs: $(BENCH_ENVS:%=.bench/%/.installed)  ## Make the environments of those that are measured.

.bench/%/.installed: benchmarks/requirements/%.txt | $(BIN)/python
	@test -x .bench/$*/bin/python || $(PYTHON) -m venv --without-pip .bench/$*
	@$(UV) pip sync --quiet --python .bench/$*/bin/python --require-hashes $<
	@touch $@

trials: venv venv-airflow-2  ## Kill, crowd, edit and refuse a rotating token, with real parts: half an hour.
	@$(BIN)/python -m trials --keep

clean:  ## Remove both environments and what the demo made.
	rm -rf $(VENV) $(VENV_2) .bench .demo dist build
