# Names for the habits. No logic of its own: everything here works without just.

# What there is.
default:
    @just --list --unsorted

# Starts everything on this machine, with a sample tenant.
run *ARGS:
    cargo run --release -- up --sample {{ARGS}}

# What must hold before a commit, without running anything.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Every test, against real parts.
test:
    ./test

# The black-box tests alone; STACK=embedded, kafka or up-kafka.
e2e *ARGS:
    cargo test -p e2e {{ARGS}}

# Load, with the floors measured in the same run.
bench *ARGS:
    cargo run --release -p bench -- {{ARGS}}

# Keeps I/O, clocks and ids out of the domain.
arch:
    cargo test -p command-service --test it architecture

# Kills, stops and fills up what the service stands on, under load, and checks every answer; `just faults --help`.
faults *ARGS:
    cargo build --release -p segments -p command-service -p query-service
    cargo run --release -p faults -- {{ARGS}}

# Gateway and compose file.
deploy:
    deploy/check.sh

# The documents of the contract against their specifications.
contract:
    schemas/check.sh

# The consumer of the guide beside 10,000 writes, with itself and the writer killed in between.
consumer WRITES="10000":
    STACK=kafka REQUIRE_KAFKA=1 CONSUMER_WRITES={{WRITES}} cargo test -p e2e consumer -- --nocapture
