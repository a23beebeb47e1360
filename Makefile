# Everything that a person needs to type. `make` lists it.

VENV    := .venv
BIN     := $(VENV)/bin
AT_ONCE := --numprocesses 3 --dist loadfile   # tests wait more than they work
SOURCES := src tests examples bench docs

.DEFAULT_GOAL := help
.NOTPARALLEL:   # two targets must not install into one environment at once

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## set everything up and see four jobs live, with a real mail server
	@$(BIN)/duly demo

test: $(VENV)/.test  ## set everything up and run the tests
	@$(BIN)/python -m pytest $(AT_ONCE)

check: $(VENV)/.lint lint test test-15  ## everything that CI runs: format, lint, types, layers, tests

lint: $(VENV)/.lint  ## format, lint, types, layers, SQL and spelling
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/pyright --warnings
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/sqlfluff lint --disable-progress-bar src/duly/store
	@$(BIN)/codespell $(SOURCES) README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md

# The store and the promises once more on PostgreSQL 15, where this machine has it.
test-15: $(VENV)/.test
	@if [ -x /usr/lib/postgresql/15/bin/initdb ]; then \
	  DULY_TEST_BIN=/usr/lib/postgresql/15/bin $(BIN)/python -m pytest $(AT_ONCE) \
	    tests/store tests/client tests/worker tests/events tests/following tests/maintenance tests/spec; \
	fi

chaos: $(VENV)/.test  ## long runs under injected faults
	@$(BIN)/python -m pytest -m chaos --timeout 1800

bench: $(VENV)/.test  ## measure engine and event stream on this machine: minutes, 3 GB
	@$(BIN)/python bench/engine.py
	@$(BIN)/python bench/events.py

format: $(VENV)/.lint  ## format the code, and mend what can be mended
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

docs: $(VENV)/.test  ## write the generated pages anew
	@$(BIN)/python docs/generate.py

clean:  ## remove the virtual environment and what was built; the demo's data stay
	rm -rf $(VENV) dist .pytest_cache .ruff_cache .hypothesis .coverage htmlcov

$(VENV)/.demo $(VENV)/.test $(VENV)/.lint: $(VENV)/.%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what \`$*\` needs into $(VENV) …"
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(BIN)/python -m ensurepip >/dev/null
	@PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
	  $(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@

$(BIN)/python:
	@set -e; for name in $(if $(PYTHON),"$(PYTHON)",python3.11 python3.12 python3.13 python3); do \
	  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    "$$name" -c 'import ensurepip, venv' 2>/dev/null || { \
	      echo "$$name cannot make virtual environments: install its venv package" \
	        "(Debian: apt-get install python3-venv), then run make again." >&2; exit 1; }; \
	    exec "$$name" -m venv $(VENV); \
	  fi; \
	done; \
	echo "duly needs Python 3.11 or newer$(if $(PYTHON), and $(PYTHON) is older or does not run):" \
	  "install it, or say where it is with make PYTHON=…" >&2; exit 1

.PHONY: help demo test check lint test-15 chaos bench format docs clean
