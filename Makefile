# make serve   the page, on http://127.0.0.1:7860 or the next free port
# make test    lint, types and all tests
#
# Both need python3 (3.11 or newer) and a package index; everything else goes into .venv.
# PYTHON chooses another interpreter, PIP_ARGS goes to each "pip install", and SERVE_ARGS to
# "qa serve", as in: make serve SERVE_ARGS="--port 9000"

PYTHON ?= python3
PIP_ARGS ?=
SERVE_ARGS ?=
TEST_ARGS ?=

VENV := .venv
RUN := $(VENV)/bin/python -m
INSTALL := $(RUN) pip install --disable-pip-version-check -c constraints.txt $(PIP_ARGS)
.DEFAULT_GOAL := help
.PHONY: help serve test check clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed '/^$$/q'

serve: $(VENV)/.serve
	@$(RUN) qa serve $(SERVE_ARGS)

test: check
	$(RUN) pytest $(TEST_ARGS)

check: $(VENV)/.test
	$(RUN) ruff check .
	$(RUN) mypy

clean:
	rm -rf $(VENV) build dist reports .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find qa tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
	find index -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} + 2>/dev/null || true

# An interrupted step leaves no stamp, so the next call takes it up again. torch comes first: a CPU
# build (2.13.0+cpu) meets the pin 2.13.0, and pip prefers it where the package index offers one.
$(VENV)/.torch:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, $(PYTHON) is %d.%d; name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
		|| { echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(INSTALL) torch
	@touch $@

$(VENV)/.serve: $(VENV)/.torch pyproject.toml constraints.txt
	$(INSTALL) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.torch pyproject.toml constraints.txt
	$(INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.serve
