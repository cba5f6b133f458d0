# Sourced by ./test and .ci/run after setup.sh: what building with all features needs. nokhwa, behind the feature
# `webcam`, reads the C headers of video devices with libclang; its JPEG decoder is partly in assembler.

missing=()
compgen -G "/usr/lib/llvm-*/lib/libclang*.so*" >/dev/null || ldconfig -p | grep -q libclang || missing+=(libclang-dev)
command -v nasm >/dev/null || missing+=(nasm)
install_packages "${missing[@]}"
