# Two commands: `make demo` (set up, then nights and a month at three simulated sites) and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_HOME ?= bilan_demo
TORCH := torch==2.13.0
# PyTorch's index of CPU builds: PyPI's own build for Linux brings gigabytes of CUDA. Asked once, for
# torch alone; where it cannot be reached, pip's other indexes answer.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
INSTALL_TORCH := -m pip install -qq --no-deps --retries 1 --timeout 10 --extra-index-url $(TORCH_INDEX) '$(TORCH)'

.PHONY: help demo test drills check coverage install system constraints lock sbom audit docs clean

help:
	@echo "make demo         install into .venv, then run three simulated sites end to end"
	@echo "make test         install into .venv, then run the tests"
	@echo "make drills       the long form of every drill of docs/reliability.md (hours)"
	@echo "make check        format, lint, types, import contracts, generated documents"
	@echo "make coverage     run the tests and show which lines they miss"
	@echo "make docs         write the generated documents again"
	@echo "make constraints  write constraints.txt again, from the newest versions allowed"
	@echo "make lock         write requirements.lock again: every package of an installation with its hashes"
	@echo "make sbom         write dist/bilan.cdx.json: what an installation from the lock holds (CycloneDX)"
	@echo "make audit        ask the Python advisory database for known faults of the locked packages"
	@echo "make install      install into .venv only"

system:
	@PYTHON='$(PYTHON)' sh .ci/system-packages

# pip's script, not python's link: a venv that was made without ensurepip has the link as well.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Bilan needs Python 3.11 or newer; run: make PYTHON=/path/to/python3 ..."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { echo "python3 cannot make a virtual environment; run: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: $(BIN)/pip pyproject.toml constraints.txt
	@echo "Installing Bilan into $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python $(INSTALL_TORCH)
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[test,onnx,cluster,results]'
	@touch $@

install: system
	@$(MAKE) --no-print-directory $(VENV)/.installed

demo: install
	@$(BIN)/bilan demo --home $(DEMO_HOME)

test: install
	@$(BIN)/python -m pytest -n 2 --dist loadfile

drills: install
	@BILAN_DRILLS=full $(BIN)/python -m pytest tests/drills -n 2 -s

coverage: install
	@$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term-missing:skip-covered

check: $(VENV)/.installed
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m warehouse.dictionary --check
	@$(BIN)/python -m warehouse.figure --check
	@$(BIN)/python -m warehouse.aggregates --check

docs: $(VENV)/.installed
	@$(BIN)/python -m warehouse.dictionary
	@$(BIN)/python -m warehouse.figure
	@$(BIN)/python -m warehouse.aggregates

# torch's local version (+cpu) is the index's choice, not ours; pip cannot pin itself.
constraints: system
	@rm -rf build/constraints
	@$(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip install --quiet --upgrade pip
	@build/constraints/bin/python $(INSTALL_TORCH)
	@build/constraints/bin/python -m pip install --quiet --editable '.[test,onnx,cluster,results]'
	@grep '^#' constraints.txt > build/constraints.txt
	@build/constraints/bin/python -m pip freeze --all --exclude-editable --exclude pip | sed 's/+cpu$$//' >> build/constraints.txt
	@mv build/constraints.txt constraints.txt
	@rm -rf build/constraints

build/supply:
	@$(PYTHON) -m venv $@
	@$@/bin/python -m pip install --quiet uv==0.13.9 cyclonedx-bom==7.5.0 pip-audit==2.10.1

# torch is left out: the CPU build's file is another than PyPI's (docs/dependencies.md).
lock: build/supply
	@build/supply/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
		--constraint constraints.txt --no-emit-package torch --no-annotate --no-header --output-file requirements.lock

sbom: build/supply
	@rm -rf build/locked && $(PYTHON) -m venv build/locked
	@build/locked/bin/python $(INSTALL_TORCH)
	@build/locked/bin/python -m pip install --quiet --require-hashes --no-deps --requirement requirements.lock
	@build/locked/bin/python -m pip install --quiet --no-deps .
	@build/locked/bin/python -m pip check
	@build/locked/bin/python -m pip uninstall --quiet --yes pip
	@mkdir -p dist
	@build/supply/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file dist/bilan.cdx.json build/locked/bin/python

audit: build/supply
	@build/supply/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock

clean:
	rm -rf $(VENV) $(DEMO_HOME) build dist
