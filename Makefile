PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.installed
DEVELOPMENT := .venv/.development-installed
DOCUMENTATION := .venv/.documentation-installed
BEAM := .venv-beam/.installed
ENGINES := build/engine
FLINK := $(ENGINES)/flink/.fetched
PRISM := $(ENGINES)/bin/.built
BEAM_VERSION = $(shell sed -n 's/^apache-beam==//p' requirements-beam.txt)
SOURCES := o2v_keras export serving typings tests notebooks benchmarks docs \
    conftest.py

.DEFAULT_GOAL := help
# What `make serve` serves, under which name, and on which ports.
MODEL ?= build/demo/export
NAME ?= model
GRPC_PORT ?= 8500
REST_PORT ?= 8501

.PHONY: help install demo notebooks test test-slow test-hosts test-beam \
    test-engine soak test-serving coverage serve lint format docs reference \
    bench quality clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' Makefile

install: $(RUNTIME) ## make .venv with the package and what it runs on

demo: $(RUNTIME) ## train on WordNet, export, serve, ask; about 2 minutes
	$(BIN)/python -m notebooks.wordnet_demo
	$(BIN)/python -m notebooks.serving_demo

notebooks: $(DEVELOPMENT) ## run the notebooks in full (O2V_DATA_DIR), keep outputs
	$(BIN)/python -m notebooks.run

test: lint ## lint and run the tests
	$(BIN)/python -m pytest -q -m "not slow and not hosts" -n logical --dist loadfile

test-slow: $(DEVELOPMENT) ## run the tests that are too heavy for every change
	$(BIN)/python -m pytest -q -m slow

test-hosts: $(DEVELOPMENT) ## train on hosts in network namespaces; needs root
	$(BIN)/python -m pytest -q -rs -m hosts tests/hosts

test-beam: $(BEAM) ## run the tests of the jobs on Apache Beam
	.venv-beam/bin/python -m pytest -q tests/data/beam tests/pairs/beam \
	    tests/serving/beam o2v_keras/data/beam o2v_keras/pairs/beam serving/beam

test-engine: $(BEAM) $(FLINK) $(PRISM) ## run the jobs on Flink and Prism
	.venv-beam/bin/python -m pytest -q tests/engine

soak: $(BEAM) $(FLINK) ## put 500 MB through jobs on Beam, watching the memory
	.venv-beam/bin/python -m benchmarks.soak

test-serving: $(DEVELOPMENT) ## check a server: SERVER=host:port MODEL=... NAME=...
	O2V_SERVER=$(SERVER) O2V_EXPORT=$(MODEL) O2V_MODEL_NAME=$(NAME) \
	    $(BIN)/python -m pytest -q tests/serving/contract

coverage: $(DEVELOPMENT) ## run the tests; list the lines they do not reach
	$(BIN)/python -m pytest -q -m "not slow" -n logical --dist loadfile \
	    --cov=o2v_keras --cov=export --cov=serving \
	    --cov-report=term-missing:skip-covered

serve: $(RUNTIME) ## serve MODEL as NAME on GRPC_PORT and REST_PORT
	serving/deploy/serve.sh "$(MODEL)" "$(NAME)" $(BIN)/python \
	    $(GRPC_PORT) $(REST_PORT)

lint: $(DEVELOPMENT) ## check style and types without changing a file
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/basedpyright --pythonpath $(BIN)/python

format: $(DEVELOPMENT) ## bring all files into house style
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

docs: $(DOCUMENTATION) reference ## build the documentation into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

reference: $(RUNTIME) ## write the reference pages from the code
	$(BIN)/python -m docs.generate

bench: $(RUNTIME) ## print the benchmarks' ratios on this machine
	$(BIN)/python -m benchmarks.run speed

quality: $(RUNTIME) ## train on public data (O2V_DATA_DIR) and score test
	$(BIN)/python -m benchmarks.run quality

clean: ## remove what the other targets made, the environment included
	rm -rf .venv .venv-beam build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made anew only when one of these files changed. The package itself is
# installed as a link to this folder, with the command `o2v`; the ranges of
# pyproject.toml are for other installers, so the pins are all it brings.
$(RUNTIME): requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

$(DOCUMENTATION): requirements-docs.txt $(RUNTIME)
	$(BIN)/pip install --quiet -r requirements-docs.txt
	touch $@

# Beam holds pyarrow back, so it cannot share an environment with the rest.
$(BEAM): requirements-beam.txt requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv-beam
	.venv-beam/bin/pip install --quiet -r requirements-beam.txt \
	    $(shell grep == requirements-dev.txt)
	.venv-beam/bin/pip install --quiet --no-deps --editable .
	touch $@

# Engines for `make test-engine`, which skips those that cannot be had here.
$(FLINK): tests/engine/flink/pom.xml
	mkdir -p $(@D)
	@if command -v java > /dev/null && command -v mvn > /dev/null; then \
	    mvn --batch-mode --quiet --file $< dependency:copy-dependencies \
	        -DoutputDirectory=$(abspath $(@D)) && touch $@ \
	        || echo "Flink's jars cannot be had: no tests on Flink"; \
	else echo "Java or Maven is not here: no tests on Flink"; fi

$(PRISM): requirements-beam.txt
	mkdir -p $(@D)
	@if command -v go > /dev/null; then \
	    GOBIN=$(abspath $(@D)) go install \
	        github.com/apache/beam/sdks/v2/go/cmd/prism@v$(BEAM_VERSION) \
	        && touch $@ || echo "Prism cannot be had: no tests on it"; \
	else echo "Go is not here: no tests on Prism"; fi
