# Two commands: `make demo` (set up, then one night and one month) and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_HOME ?= bilan_demo

.PHONY: help demo test check install system clean

help:
	@echo "make demo     install into .venv, then run three simulated sites end to end"
	@echo "make test     install into .venv, then run the tests"
	@echo "make check    ruff, mypy, import contracts, generated documents"
	@echo "make install  install into .venv only"

system:
	@sh .ci/system-packages

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Bilan needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a virtual environment; run: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing Bilan into $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt 'torch==2.13.0'
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,onnx]'
	@touch $@

install: system $(VENV)/.installed

demo: install
	@$(BIN)/bilan demo --home $(DEMO_HOME)

test: install
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.installed
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m warehouse.dictionary --check
	@$(BIN)/python -m warehouse.figure --check

clean:
	rm -rf $(VENV) $(DEMO_HOME) build dist
