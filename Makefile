# Everything a fresh machine needs is Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-topsearch
JAX := .venv-jax
AUDIT := .venv-audit
INSTALLED := $(VENV)/.installed
WORKERS ?= 2
SLICE ?=

.PHONY: study test slow browser pythons audit lint docs bench peers clean

study: $(INSTALLED)  ## the main job at quick scale: results/study/report.html
	$(BIN)/agescape study --scale quick --output results/study

# a file of tests stays on one process, which makes what its tests share only once
test: $(INSTALLED)  ## the test suite, without the tests marked slow; WORKERS=4 takes four processes
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

slow: $(INSTALLED)  ## the slow tests, three quarters of an hour; SLICE=1/4 takes the first of four parts
	$(BIN)/python -m pytest -m slow -n $(WORKERS) --dist worksteal $(if $(SLICE),--slice $(SLICE))

browser: $(INSTALLED)  ## the tests of the report; they need a Chromium (apt-get install chromium)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser]'
	$(BIN)/python -m pytest -m slow tests/bridge/studies/test_report_browser.py

# pyenv's are on the path with PYENV_VERSION=3.11.7:3.12.1:3.13.0 or the like
pythons:  ## the test suite under each of these Pythons that is here
	for version in 3.11 3.12 3.13; do \
	  if python$$version -c "" 2>/dev/null; then \
	    $(MAKE) test PYTHON=python$$version VENV=.venv-$$version || exit 1; \
	  else echo "python$$version is not here"; fi; \
	done

audit: $(AUDIT)/.installed  ## known vulnerabilities of the pinned packages; it asks pypi.org
	$(AUDIT)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

lint: $(INSTALLED)  ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

docs: $(INSTALLED)  ## the documentation, warnings are errors: build/site/index.html
	$(BIN)/python docs/command_reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(INSTALLED) $(JAX)/.installed  ## us and the peers, in one run each
	JAX_PYTHON=$(JAX)/bin/python $(BIN)/python benchmarks/sgd.py
	$(BIN)/python benchmarks/hessian.py
	$(BIN)/python benchmarks/losses_and_activations.py
	$(BIN)/python benchmarks/quench.py

peers: $(INSTALLED) $(PEERS)/.installed  ## minima and transition states per minute against pele and topography-searcher: an hour
	TOPSEARCH_PYTHON=$(PEERS)/bin/python $(BIN)/python benchmarks/minima.py
	TOPSEARCH_PYTHON=$(PEERS)/bin/python $(BIN)/python benchmarks/saddles.py

# topography-searcher needs an older NumPy than we do; our package runs there from the checkout
$(PEERS)/.installed:
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check topsearch==0.0.3 'numpy<2' numba scipy joblib \
		networkx threadpoolctl platformdirs pooch matplotlib lazy_loader
	touch $@

$(JAX)/.installed:
	$(PYTHON) -m venv $(JAX)
	$(JAX)/bin/python -m pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
	touch $@

$(AUDIT)/.installed:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	touch $@

# torch first and by itself: its pin takes the CPU build where pip is set up for it
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'agescape needs Python 3.11 or newer; try make PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[torch,cluster,dev]'
	touch $@

clean:  ## remove the virtual environment and what was made
	rm -rf $(VENV) .venv-3.* $(PEERS) $(JAX) $(AUDIT) build *.egg-info
