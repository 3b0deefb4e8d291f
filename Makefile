# Kizashi: `make demo` and `make test` are all that a newcomer needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# More than the cores of a small machine, and in the order of the files: the longest tests come first, and wait for killed
# processes to come back.
TEST_PROCESSES ?= 3

.PHONY: help setup demo test check bench docs lock format clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## build .venv from the pinned, hashed requirements

$(VENV)/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kizashi needs Python 3.11 or newer: this is " + sys.version.split()[0] + ". Name another one with: make PYTHON=python3.12 setup")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "Building $(VENV) from $$(grep -c '==' requirements.txt) pinned packages; the first time this takes a minute or two ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 8 --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## everything at once; the console is at http://127.0.0.1:8080
	@$(BIN)/kizashi demo $(ARGS)

test: setup ## the whole suite; installs Debian's Chromium and MQTT clients when it is root on Debian
	@sh .ci/debian-packages
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## events per second and latency on this machine; writes docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks $(ARGS)

docs: setup ## renew what is made from the code: the table of operators
	$(BIN)/python -m rules.reference docs/reference/rules/README.md

format: setup ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## renew requirements.txt from pyproject.toml (needs uv on the PATH)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command 'make lock' --extra dev --no-annotate pyproject.toml requirements-build.in -o requirements.txt

clean: ## remove .venv and the demo's data
	rm -rf $(VENV) data build
