# Everything a fresh machine with Python 3.11+ and make needs; each target does its own set-up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CLIENTS ?= .clients
export PYTHONDONTWRITEBYTECODE ?= 1

.PHONY: demo test check clients clients-node fmt clean

demo: $(VENV)/installed
	$(BIN)/citybrain demo $(DEMO)

test: $(VENV)/installed-dev $(CLIENTS)/installed
	$(BIN)/pytest -n 2 --dist worksteal $(TESTS)

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/citybrain check
	$(BIN)/pytest -q tests/house

clients: $(CLIENTS)/installed

# Clients and validators of tests/standards that run on Node.js (needs nodejs and npm).
clients-node: $(CLIENTS)/node/installed

$(CLIENTS)/node/installed: tests/standards/package.json
	mkdir -p $(@D) && cp $< $(@D)/
	npm install --prefix $(@D) --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
	touch $@

fmt: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(CLIENTS) build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("citybrain needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Call: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/installed

# Clients of open standards that nobody here wrote, each in an environment of its own, because their pins conflict.
$(CLIENTS)/installed: tests/standards/clients.txt | $(VENV)/bin/python
	@set -e; grep -v '^#' $< | while read -r pins; do \
	  name=$${pins%%==*}; \
	  echo "client $$name"; \
	  [ -x $(CLIENTS)/$$name/bin/python ] || $(PYTHON) -m venv $(CLIENTS)/$$name; \
	  $(CLIENTS)/$$name/bin/python -m pip install --quiet --disable-pip-version-check $$pins; \
	done
	@touch $@
