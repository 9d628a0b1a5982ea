# deltarule: `make help` lists what there is.
NEW_ENOUGH := -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p $(NEW_ENOUGH) && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed  ## install, train all three kinds of model on real data, print the scores
	@$(BIN)/python tools/demo.py demo

test: $(VENV)/.test  ## install what the tests need and run them all
	@$(BIN)/python -m pytest -n 2 -q --cov=deltarule --cov-report=

check: $(VENV)/.test .coverage  ## format, lint, types, direction of imports, coverage, fresh docs
	@$(BIN)/ruff format --check .
	@$(BIN)/clang-format --dry-run --Werror cpp/*.?pp tests/cpp/*.?pp benchmarks/versus/*.?pp
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python tools/equations.py --check
	@$(BIN)/python tools/course.py --check
	@$(BIN)/python -m coverage report

.coverage: $(shell git ls-files src tests pyproject.toml)
	@$(MAKE) test

format: $(VENV)/.test  ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/clang-format -i cpp/*.?pp tests/cpp/*.?pp benchmarks/versus/*.?pp
	@$(BIN)/ruff check --fix .

docs: $(VENV)/.test  ## write the generated parts of the docs anew from the code
	@$(BIN)/python tools/equations.py
	@$(BIN)/python tools/compatibility.py
	@$(BIN)/python tools/picture.py docs/training-run.svg
	@$(BIN)/python tools/course.py
	@$(BIN)/deltarule plot activation relu leaky_relu sigmoid -o docs/activations.svg
	@mkdir -p build && $(BIN)/deltarule sample diabetes -o build/diabetes.csv > build/descent.txt
	@$(BIN)/deltarule plot descent build/diabetes.csv --target progression --features bmi -o docs/descent.svg >> build/descent.txt

compatibility: $(VENV)/.test  ## run scikit-learn's own tests with the import changed and list the differences
	@$(BIN)/python tools/compatibility.py

bench: $(VENV)/.test  ## time everything beside all rivals that are installed (benchmarks/versus); takes an hour or more
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m benchmarks.versus --sweep

accuracy: $(VENV)/.test  ## measure the elementary functions over every float32 number (an hour; docs/accuracy.md)
	@$(BIN)/python tools/accuracy.py

sanitize:  ## run the core's own test under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer
	@cmake -S . -B build/address -DDELTARULE_SANITIZE=address,undefined > /dev/null
	@cmake --build build/address --parallel && build/address/engine_test
	@cmake -S . -B build/thread -DDELTARULE_SANITIZE=thread > /dev/null
	@cmake --build build/thread --parallel && build/thread/engine_test races

clang:  ## build with clang into an environment of its own, warnings being errors, and run the engine's tests there
	@command -v clang++ > /dev/null || { echo "make clang needs clang++. On Debian: apt install clang"; exit 1; }
	@test -x build/clang/bin/python || $(PYTHON) -m venv build/clang
	@CC=clang CXX=clang++ build/clang/bin/python -m pip --disable-pip-version-check install --quiet ".[test]" \
		--config-settings build-dir=build/clang/cmake --config-settings cmake.define.CMAKE_COMPILE_WARNING_AS_ERROR=ON
	@build/clang/bin/python -m pytest -q tests/engines

oldest:  ## run the tests with the oldest dependencies that pyproject.toml allows
	@test -x build/oldest/bin/python || $(PYTHON) -m venv build/oldest
	@$(PYTHON) tools/oldest.py > build/oldest/constraints.txt
	@build/oldest/bin/python -m pip --disable-pip-version-check install --quiet ".[test]" --upgrade \
		--constraint build/oldest/constraints.txt
	@build/oldest/bin/python -m pytest -n 2 -q --ignore tests/compat

arm64:  ## cross-compile the core for arm64 and run most of its own test, emulated (up to half an hour)
	@command -v aarch64-linux-gnu-g++ > /dev/null && command -v qemu-aarch64 > /dev/null || { echo \
		"make arm64 needs a cross compiler and an emulator. On Debian: apt install g++-aarch64-linux-gnu qemu-user"; exit 1; }
	@cmake -S . -B build/arm64 -DDELTARULE_TEST=ON -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
		-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ > /dev/null
	@cmake --build build/arm64 && qemu-aarch64 -L /usr/aarch64-linux-gnu build/arm64/engine_test emulated

clean:  ## delete the virtual environment and everything generated
	rm -rf $(VENV) build dist demo .mypy_cache .ruff_cache .hypothesis .coverage*

$(VENV)/bin/python:
	@test -n "$(PYTHON)" && $(PYTHON) $(NEW_ENOUGH) || \
		{ echo "deltarule needs Python 3.11 or newer with venv; found none. Try: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

CPP := $(wildcard cpp/*.cpp cpp/*.hpp) CMakeLists.txt

$(VENV)/.installed: pyproject.toml $(CPP) | $(VENV)/bin/python
	@echo "building deltarule and installing what it needs"
	@$(PIP) -e .
	@touch $@

$(VENV)/.test: pyproject.toml $(CPP) | $(VENV)/bin/python
	@echo "building deltarule and installing what it, its tests and checks need"
	@$(PIP) -e ".[test,check]"
	@touch $(VENV)/.installed $@

.PHONY: help demo test check format docs compatibility bench accuracy sanitize clang arm64 clean
