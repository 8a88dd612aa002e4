# make demo    see a session end: an identity provider and two applications on loopback, one of them behind nginx
# make test    everything CI checks
# make bench   measures, writes target/bench/summary.json, and shows which goals are met; BENCH_SETS=N for fewer SETs,
#   make bench-growth for more and more
# make conformance  judges our own transmitter and our own receiver from outside, as any others; ROLES="…" for one of them, and
#   ARGUMENTS="…" for ssf-conformance
# make kill-loops  has processes kill themselves under load, N times at each of ten points, on both databases
# make faults  has databases, disks and receivers fail under load, and counts what has become of the events
# make simulation  lives through WORLDS worlds in memory in which everything fails, and demands that nothing is lost in any
# make mutants  breaks the product on purpose, in one way after the other, and demands that the simulation notices each
# make fuzz    fuzzes what reads bytes from outside, FUZZ_SECONDS each (with nightly Rust and cargo-fuzz)
# make setup   installs the Debian packages that are missing (as root), or names them

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
FUZZ_SECONDS ?= 600
# Who is judged.
ROLES ?= transmitter push-endpoint receiver-by-poll receiver-by-push
# Crashes at each point.
N ?= 500
# Worlds that are lived through, and worlds in which a mutant has to be noticed.
simulation: WORLDS ?= 5000
mutants: WORLDS ?= 300
# For ten thousand polls that wait, each on a connection of its own, with some to spare.
OPEN_FILES := 10500
WITNESSES := $(TARGET_DIR)/witnesses
SUMMARY := $(TARGET_DIR)/bench/summary
CRATES := ssf-types ssf-transmitter ssf-receiver ssf-conformance

.PHONY: demo test bench bench-growth conformance matrix kill-loops faults simulation mutants mutants-apply fuzz setup setup-demo setup-conformance witnesses fmt clippy unit docs lean deny

demo: setup-demo
	$(CARGO) build --release --locked --package ssf-transmitter --bin ssf-transmitter \
		--package ssf-receiver --features ssf-receiver/daemon --bin ssf-receiver --example demo
	$(TARGET_DIR)/release/examples/demo --transmitter $(TARGET_DIR)/release/ssf-transmitter \
		--receiver $(TARGET_DIR)/release/ssf-receiver $(if $(STAY),--stay)

test: setup fmt mutants-apply clippy unit docs lean deny

# Begun anew: what stands there may be of another version, or of fewer SETs.
bench: setup-bench
	@rm -f $(SUMMARY).json $(SUMMARY).txt
	$(CARGO) bench --locked --package ssf-types --bench types
	@ulimit -S -n $(OPEN_FILES) || { echo "make bench opens $(OPEN_FILES) files: raise the hard limit (ulimit -H -n)" >&2; exit 1; }; \
		echo "$(CARGO) bench --locked --package ssf-transmitter --bench transmitter"; \
		$(CARGO) bench --locked --package ssf-transmitter --bench transmitter
	$(CARGO) bench --locked --package ssf-receiver --features daemon --bench receiver
	@cat $(SUMMARY).txt

bench-growth: setup-bench
	$(CARGO) bench --locked --package ssf-transmitter --bench transmitter -- growth

conformance: setup-conformance
	$(CARGO) build --release --locked --package ssf-transmitter --bin ssf-transmitter --package ssf-conformance --bin ssf-conformance \
		--package ssf-receiver --features ssf-receiver/daemon --bin ssf-receiver
	@set -e; for role in $(ROLES); do .ci/conformance $(TARGET_DIR)/release $$role $(ARGUMENTS); done

# Each fault of the reference transmitter by all cases; `make test` takes one in six of those that do not claim it.
matrix:
	SSF_MATRIX=whole $(CARGO) test --release --package ssf-conformance --all-features --locked --test matrix

kill-loops: setup
	$(CARGO) build --workspace --all-features --locked --examples
	SSF_CRASHES=$(N) $(CARGO) test --workspace --all-features --locked --test crashes -- --nocapture

faults: setup-bench
	$(CARGO) test --workspace --all-features --locked --test faults -- --ignored --nocapture

simulation: setup-build
	SSF_SIMULATION_SEEDS=$(WORLDS) $(CARGO) test --workspace --all-features --locked --test simulation -- --nocapture

mutants: setup-build
	@CARGO="$(CARGO)" .ci/mutants $(abspath $(TARGET_DIR)) $(WORLDS)

# Whether each still fits the sources; whether the simulation notices it takes too long for each run of the tests.
mutants-apply: setup-build
	@.ci/mutants --check

fuzz: setup-build
	@.ci/fuzz $(FUZZ_SECONDS)

setup:
	@.ci/setup build database demo test

setup-build:
	@.ci/setup build

setup-demo:
	@.ci/setup build demo

setup-conformance:
	@.ci/setup build conformance

setup-bench:
	@.ci/setup build database

fmt:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings

unit: witnesses
	SSF_WITNESSES=$(abspath $(WITNESSES)) $(CARGO) test --workspace --all-features --locked

# Libraries in other languages, which verify what we sign, sign what we verify, and carry receivers of SETs; schemathesis, which
# compares what the transmitter says of its interface with what it answers; and puppeteer-core, which drives a browser.
witnesses: setup
	@.ci/witnesses $(WITNESSES)

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --all-features --no-deps --locked

# Each crate without its optional I/O: the layers hold only if this builds. And the program as it is shipped: all else has the
# points at which tests have it die.
lean:
	@set -e; for crate in $(CRATES); do \
		echo "$(CARGO) check --package $$crate --no-default-features"; \
		$(CARGO) check --package $$crate --lib --no-default-features --locked; \
	done
	$(CARGO) clippy --package ssf-transmitter --bins --locked -- -D warnings

deny:
	@.ci/deny
