# On a fresh machine (Debian or Ubuntu with Python 3.11 or later, its venv module and make):
# `make demo` or `make test`. Each makes .venv on its first run.

PYTHON ?= python3
ARGS ?=
PART ?= run
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq --no-input

.PHONY: help demo test wide servers lint faults foreign bench constraints clean

help:  ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: .venv/.installed  ## a real migration on embedded engines, in a minute
	@$(BIN)/ropeway demo $(ARGS)

test: lint servers  ## linters, types and the suite on real servers; ARGS goes to pytest
	$(BIN)/python -m pytest -n 2 --dist worksteal --spread $(ARGS)

wide: lint servers  ## the same with each engine to each, and each case on each
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

servers: .venv/.tested
	@.ci/mariadb
	@.ci/mysql
	@.ci/browser
	@.ci/odbc

lint: .venv/.tested  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	.ci/types

faults: .venv/.tested  ## the long runs whose processes are killed
	@.ci/mariadb
	@.ci/mysql
	$(BIN)/python -m pytest -m faults -n 2 --dist worksteal --timeout 1800 $(ARGS)

foreign: .venv/.tested  ## what other tools find by the rules that we export; installs dbt and Soda Core aside
	$(BIN)/python -m pytest -m foreign --timeout 900 $(ARGS)

bench: .venv/.tested  ## the benchmarks, or PART=verify of them; ARGS goes to them
	@$(PIP) install --no-compile -e '.[bench]' -c .ci/constraints.txt
	$(BIN)/python benchmarks/$(PART).py $(ARGS)

constraints:  ## pin what a fresh environment gets today; with PYTHON=python3.11, the oldest we promise
	.ci/pin $(PYTHON)

clean:  ## everything that make and the tools made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a second run start at once; a change of what is to be installed makes them old.
.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Ropeway needs Python 3.11 or later; name one: make PYTHON=python3.12' >&2; exit 1; }
	@rm -rf .venv
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo 'Python lacks its venv module: apt-get install python3-venv' >&2; exit 1; }
	@touch $@

.venv/.installed: .venv/.made pyproject.toml .ci/constraints.txt
	@echo 'Installing Ropeway into .venv'
	@$(PIP) install --no-compile -e '.[all]' -c .ci/constraints.txt
	@touch $@

.venv/.tested: .venv/.made pyproject.toml .ci/constraints.txt
	@echo 'Installing Ropeway and what its tests need into .venv'
	@$(PIP) install --no-compile -e '.[all,test]' -c .ci/constraints.txt
	@touch .venv/.installed $@
