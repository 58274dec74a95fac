# Slipstream: make run, make test; "make help" lists the rest.
#
# Settings of the program are environment variables (RTSPINPUT, CODEC, BITRATE, ...) or, in ARGS, its flags:
#   RTSPINPUT=rtsp://192.168.1.20/stream make run ARGS='--bitrate 2000000'

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=

DEPS := $(CURDIR)/.deps
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
CARGO := cargo
# rustup's folder comes first, as in rustup's own shell set-up: "make setup" may have put cargo there a moment ago.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
# The tests' reference in Python; a user's own choice goes first.
export SLIPSTREAM_PYTHON ?= $(DEPS)/venv/bin/python

.PHONY: help setup setup-test setup-python build python run demo test lint bench bench-trackers eval eval-tracking doc clean distclean install uninstall

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

setup: ## Install what is missing on this machine: Debian packages, Rust, ONNX Runtime
	@scripts/setup run

setup-test:
	@scripts/setup test

setup-python:
	@scripts/setup python

build: setup ## Build the programs and the GStreamer plugins (release)
	@scripts/build

python: build setup-python ## Build pyds, and make it known to the system's Python for this user: programs for DeepStream
	@scripts/python

run: build ## Watch the cameras of RTSPINPUT; with nothing set, the demo's (ARGS='...' for flags)
	@if [[ -n "$${RTSPINPUT:-}" || -n '$(subst ','\'',$(ARGS))' ]]; then job=run; else job=demo; fi; \
	exec '$(TARGET)/release/slipstream' $$job $(ARGS)

demo: build ## Four simulated street cameras through the whole pipeline
	@exec '$(TARGET)/release/slipstream' demo $(ARGS)

# Clippy first: its findings are the quickest to come. Tests are built in the dev profile, which optimises dependencies
# fully and our own code a little: one build serves unit, end-to-end and documentation tests, and checks of overflow and
# debug assertions stay on. The release build is not needed here and not made. Tests are named in the build because
# without them cargo picks fewer features for the dependencies, and would build those twice; the build itself puts the
# plugin where GStreamer can be pointed to, which "cargo test" does not.
test: setup-test lint ## Set up, lint and run all the tests
	@echo '--- building the tests'
	@$(CARGO) build --workspace --locked --lib --bins --tests --examples
	@if command -v cargo-nextest >/dev/null; then \
	    echo '--- documentation tests'; \
	    $(CARGO) test --workspace --locked --doc; \
	    echo '--- tests (cargo nextest)'; \
	    $(CARGO) nextest run --workspace --locked $(ARGS); \
	else \
	    echo '--- tests (cargo test; cargo-nextest is not installed)'; \
	    $(CARGO) test --workspace --locked $(ARGS); \
	fi

lint: ## Formatting, clippy with warnings denied, licences and bans, scripts and deployment files
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then \
	    $(CARGO) deny --workspace --locked check --hide-inclusion-graph bans licenses sources; \
	else \
	    echo 'SKIPPED: licences and bans of dependencies (cargo install --locked cargo-deny)'; \
	fi
	@scripts/check-dependencies
	@deploy/check

bench: build ## Speed per stage: cameras over RTSP through the whole pipeline (ARGS='...')
	@exec '$(TARGET)/release/slipstream' bench $(ARGS)

# Apart from the workspace, with a lock file of its own: nothing else is built with what other trackers need.
bench-trackers: setup ## Speed of the trackers, beside another library's in the same run
	@cd benches/trackers && CARGO_TARGET_DIR='$(TARGET)/bench-trackers' $(CARGO) run --release --locked --quiet

eval: setup-test ## Accuracy of the detector in models/
	@$(MAKE) -C training eval

eval-tracking: build ## Quality of the trackers, beside published ones (ARGS=--sequences for each sequence)
	@$(MAKE) -C eval/tracking ARGS='$(ARGS)'

doc: setup ## API documentation in target/doc
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

clean: ## Remove what was built
	@$(CARGO) clean

distclean: clean ## Remove what was built and what setup fetched into .deps
	@rm -rf '$(DEPS)'

# Not built here: "sudo make install" would build as root.
install: ## Install what "make build" made under PREFIX (/usr/local): programs, plugins, ONNX Runtime, models, systemd unit; pyds after "make python"
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install

uninstall: ## Remove what install put there
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install --remove
