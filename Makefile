PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEVELOPMENT := .venv/.development-installed
SOURCES := o2v_keras export serving tests notebooks benchmarks conftest.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint format bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' Makefile

demo: $(RUNTIME) ## train on WordNet, export, ask the SavedModel; about 3 minutes
	$(BIN)/python -m notebooks.wordnet_demo

test: lint ## lint and run the tests
	$(BIN)/python -m pytest -q -m "not slow"

test-slow: $(DEVELOPMENT) ## run the tests that are too heavy for every change
	$(BIN)/python -m pytest -q -m slow

lint: $(DEVELOPMENT) ## check style without changing a file
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

format: $(DEVELOPMENT) ## bring all files into house style
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(RUNTIME) ## print the benchmarks' ratios on this machine
	$(BIN)/python -m benchmarks.reading

clean: ## remove what the other targets made, the environment included
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made anew only when a requirements file changed.
$(RUNTIME): requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@
