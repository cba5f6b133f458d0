# Sourced by ./web after setup.sh: what building the page needs (wasm target, wasm-opt, wasm-bindgen), and with
# `install_browser` what testing it needs (Chromium on a software GL, Node.js).

rustup target add wasm32-unknown-unknown >/dev/null 2>&1 || true

packages=()
command -v wasm-opt >/dev/null || packages+=(binaryen)
command -v python3 >/dev/null || packages+=(python3)
install_packages "${packages[@]}"

# The tool has to be of the library's version.
bindgen_version="$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)"
bindgen_root="${XDG_CACHE_HOME:-$HOME/.cache}/bevy_toonface/wasm-bindgen-$bindgen_version"
bindgen="$bindgen_root/bin/wasm-bindgen"
if [ ! -x "$bindgen" ]; then
    if [ "$(wasm-bindgen --version 2>/dev/null)" = "wasm-bindgen $bindgen_version" ]; then
        bindgen=wasm-bindgen
    else
        CARGO_TARGET_DIR="$bindgen_root/target" \
            cargo install wasm-bindgen-cli --version "$bindgen_version" --quiet --root "$bindgen_root"
        rm -rf "$bindgen_root/target"
    fi
fi

install_browser() {
    local packages=()
    command -v "${CHROMIUM:-chromium}" >/dev/null || packages+=(chromium)
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm)
    compgen -G "/usr/lib/*/libEGL.so.1" >/dev/null || packages+=(libegl1)
    compgen -G "/usr/lib/*/dri/swrast_dri.so" >/dev/null || packages+=(libgl1-mesa-dri)
    install_packages "${packages[@]}"
    npm ci --silent --no-audit --no-fund --prefix tests/web
}
