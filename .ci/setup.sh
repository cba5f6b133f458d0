# Sourced by ./demo, ./test, ./web and .ci/run: installs what is missing on a fresh Debian machine with only rustup.
# Afterwards there is a C linker, a Vulkan driver (a software one, if there is no other) and a runtime folder.

# One cache for all clones in CI: Bevy is compiled once.
if [ "${CI:-}" = true ]; then
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/bevy_toonface/target}"
fi

# Mesa complains without a runtime folder of one's own.
if [ -z "${XDG_RUNTIME_DIR:-}" ]; then
    XDG_RUNTIME_DIR="$(mktemp -d)"
    chmod 700 "$XDG_RUNTIME_DIR"
    export XDG_RUNTIME_DIR
fi

if ! command -v cargo >/dev/null && [ -f "$HOME/.cargo/env" ]; then
    # shellcheck source=/dev/null
    . "$HOME/.cargo/env"
fi
command -v cargo >/dev/null || { echo "cargo is missing: install Rust with rustup first" >&2; exit 1; }

# Installs Debian packages, if any are named.
install_packages() {
    [ "$#" -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "please install the equivalents of these Debian packages: $*" >&2
        exit 1
    fi
    local as_root=""
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "$@"
}

missing=()
command -v cc >/dev/null || missing+=(build-essential)
compgen -G "/usr/share/vulkan/icd.d/*.json" >/dev/null || compgen -G "/etc/vulkan/icd.d/*.json" >/dev/null ||
    missing+=(mesa-vulkan-drivers)
install_packages "${missing[@]}"
