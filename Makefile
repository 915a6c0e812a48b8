# copymc: `make test` and `make bench` set up .venv and run; nothing is done twice.
PYTHON ?= python3
PRESET ?= default
VENV := .venv
BIN := $(VENV)/bin
NATIVE := $(wildcard kernels/*.h kernels/*.txt kernels/*/*.[chS])
PACKAGES := $(wildcard bench/*/__init__.py bench/*/*/__init__.py)
SETUP := pyproject.toml constraints.txt kernels/CMakeLists.txt $(NATIVE) $(PACKAGES)
PIP := $(BIN)/pip install -q --disable-pip-version-check -c constraints.txt

# No test hangs on a time that another could disturb, so they share the CPUs. A file stays in
# one process, which makes what its tests share once.
TOGETHER := -n auto --maxprocesses=4 --dist loadfile

OS := $(shell uname -s)
ARCH := $(shell uname -m)
ifneq ($(OS)-$(ARCH),Linux-x86_64)
$(error copymc: needs Linux on x86_64, this is $(OS) on $(ARCH))
endif
ifeq ($(shell command -v $(CC)),)
$(error copymc: no C compiler "$(CC)"; install gcc or clang, or set CC)
endif

.PHONY: setup bench test selfcheck calibrate rivals clean

$(VENV)/.installed: $(SETUP)
	$(PYTHON) -m venv $(VENV)
	$(PIP) scikit-build-core cffi cmake ninja
	$(PIP) --no-build-isolation -e .
	touch $@

$(VENV)/.tests: $(VENV)/.installed
	$(PIP) --no-build-isolation -e '.[test]'
	touch $@

bench: $(VENV)/.installed
	$(BIN)/copymc run --preset $(PRESET) --plot

selfcheck: $(VENV)/.installed
	$(BIN)/python -m bench.selfcheck

calibrate: $(VENV)/.installed
	$(BIN)/python -m bench.calibrate

rivals: $(VENV)/.installed
	$(BIN)/python -m bench.rivals

setup: $(VENV)/.tests

# Without compiled files each process that a test starts would compile the package for itself.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.tests
	$(BIN)/ruff check bench tests
	$(BIN)/mypy
	$(BIN)/pytest -q $(TOGETHER) --durations=20

clean:
	rm -rf $(VENV) build dist
