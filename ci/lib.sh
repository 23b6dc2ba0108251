# shellcheck shell=bash
#
# What ci/conform and ci/test share: finding what they need, installing what of it is
# missing, and building. Sourced, by bash.
#
# Nothing is assumed but bash and coreutils. Each tool is looked for before anything is
# installed, so a machine that has them all never sees a package manager.

rouse=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
script=$(basename "$0")
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

say() {
    printf '%s: %s\n' "$script" "$*" >&2
}

# Why we cannot even begin: one line, and a status that no failed check gives.
stop() {
    say "$@"
    exit 2
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# ---- what is missing

missing=() # Debian's packages
wanted=()  # the same in words

# need 'PACKAGES' 'WHAT': remembers that WHAT is missing, and where Debian has it.
need() {
    local package
    for package in $1; do
        missing+=("$package")
    done
    wanted+=("$2")
}

# Installs what was needed: as root, or by a sudo that asks for no password. Otherwise
# says the one command, and stops.
install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0

    local what log as_root=(env)
    what=$(printf ', %s' "${wanted[@]}")
    what=${what:2}
    has apt-get || stop "missing: $what"
    if [ "$(id -u)" -ne 0 ]; then
        has sudo && sudo -n true 2>/dev/null ||
            stop "missing: $what. Please run: sudo apt-get install -y ${missing[*]}"
        as_root=(sudo -n)
    fi
    say "installing ${missing[*]}"

    # apt's list of packages may be empty, as in a container, or too old to be right.
    # Fetching it is slow, so that is done only once it was found wanting.
    log=$(mktemp)
    if ! apt_install "${as_root[@]}" >"$log" 2>&1; then
        "${as_root[@]}" apt-get update >"$log" 2>&1 || true
        if ! apt_install "${as_root[@]}" >"$log" 2>&1; then
            tail -n 5 "$log" >&2
            rm -f "$log"
            stop "could not install ${missing[*]}"
        fi
    fi
    rm -f "$log"
    missing=()
    wanted=()
}

apt_install() {
    "$@" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
        install -y --no-install-recommends "${missing[@]}"
}

# ---- the tools

# compiles 'COMPILER' [FLAG]...: whether it makes a program of the C that it is given.
# The compiler and CFLAGS are the user's, and may be several words.
compiles() {
    local compiler=$1 out status=0
    shift
    out=$(mktemp)
    # shellcheck disable=SC2086
    $compiler ${CFLAGS:-} -x c -o "$out" - ${LDFLAGS:-} "$@" >/dev/null 2>&1 || status=$?
    rm -f "$out"
    return $status
}

# The C compiler: the user's CC, or else the first one that works.
need_compiler() {
    local program='#include <stdio.h>
int main(void) { return puts("") < 0; }'
    local compiler

    if [ -n "${CC:-}" ]; then
        compiles "$CC" <<<"$program" || stop "CC='$CC' CFLAGS='${CFLAGS:-}' compiles no program"
        return
    fi
    for compiler in cc gcc clang; do
        if compiles "$compiler" <<<"$program"; then
            export CC=$compiler
            return
        fi
    done
    need 'gcc libc6-dev' 'a C compiler'
}

# CMake, and something that it can drive.
need_cmake() {
    local version
    if has cmake; then
        version=$(cmake --version | sed -n '1s/[^0-9]*//p')
        [ "$(printf '%s\n' 3.20 "$version" | sort -V | head -n 1)" = 3.20 ] ||
            stop "cmake $version is too old, 3.20 or newer is needed"
    else
        need cmake 'CMake 3.20 or newer'
    fi
    if [ -z "${CMAKE_GENERATOR:-}" ]; then
        if has ninja; then
            export CMAKE_GENERATOR=Ninja
        elif has make; then
            export CMAKE_GENERATOR='Unix Makefiles'
        else
            export CMAKE_GENERATOR=Ninja
            need ninja-build 'ninja or make'
        fi
    fi
}

# need_library PACKAGE HEADER LIBRARY WHAT. Looks where CMake will.
need_library() {
    local prefix prefixes flags=()
    IFS=: read -ra prefixes <<<"${CMAKE_PREFIX_PATH:-}"
    for prefix in "${prefixes[@]+"${prefixes[@]}"}"; do
        flags+=("-I$prefix/include" "-L$prefix/lib")
    done
    if [ -n "${CC:-}" ]; then
        compiles "$CC" "${flags[@]+"${flags[@]}"}" "-l$3" <<<"#include <$2>
int main(void) { return 0; }" || need "$1" "$4"
    elif ! [ -e "/usr/include/$2" ]; then # the compiler is yet to come
        need "$1" "$4"
    fi
}

# Sets `python` to a Python 3 that can import the modules named. The first one in the
# PATH need not be the system's, which is the one that packages go to.
need_python() {
    for python in python3 /usr/bin/python3 /usr/local/bin/python3; do
        if has "$python" && "$python" -c "import sys$([ $# -eq 0 ] || printf ', %s' "$@")" 2>/dev/null; then
            return
        fi
    done
    python=/usr/bin/python3
    if [ "$*" = tomllib ]; then # which came with 3.11, and is no package
        [ ! -x $python ] || stop "$python is too old, 3.11 or newer is needed"
        set --
    fi
    need "python3 ${*/#/python3-}" "Python 3${*:+ with $*}"
}

# What fetch_sources takes; WHAT is wanted from there.
need_sources() {
    has apt-get || stop "missing: $1, which is built from Debian's sources"
    has dpkg-source || need 'dpkg-dev xz-utils patch' 'dpkg-source'
}

# fetch_sources FOLDER PACKAGE...: Debian's source packages, unpacked into FOLDER. Does not
# touch what apt knows of this machine: the sources of the same places that its packages
# come from are listed apart, beside FOLDER. Some of those places may have none.
fetch_sources() {
    local folder=$1 apt=$1.apt file options
    shift
    rm -rf "$folder" "$apt"
    mkdir -p "$folder" "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        case $file in
        *.list) sed -n 's/^deb\( .*\)/deb-src\1/p' "$file" >"$apt/parts/${file##*/}" ;;
        *.sources) sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/${file##*/}" ;;
        esac
    done 2>/dev/null
    options=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$apt/parts"
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache"
        -o "APT::Sandbox::User=$(id -un)")
    apt-get "${options[@]}" update || true
    (cd "$folder" && apt-get "${options[@]}" source "$@")
}

# ---- building

# Sets `work` to a folder that can be written: FOLDER of the tree, or else a new one.
choose_work() {
    work=$rouse/$1
    if ! { mkdir -p "$work" && [ -w "$work" ]; } 2>/dev/null; then
        work=$(mktemp -d "${TMPDIR:-/tmp}/rouse.XXXXXX")
        say "the tree cannot be written, so the work is done in $work"
    fi
}

# configure FOLDER [-DOPTION=VALUE]...: CMake would go on with the compiler and flags
# of the first time, so a folder that was made with others, or elsewhere, is made anew.
configure() {
    local folder=$1 made_with
    shift
    made_with=$(printf '%s\n' "$rouse" "$folder" "$CC" "${CFLAGS:-}" "${LDFLAGS:-}" \
        "${CMAKE_PREFIX_PATH:-}" "$CMAKE_GENERATOR" "$@")
    if [ "$(cat "$folder/made-with" 2>/dev/null)" != "$made_with" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        printf '%s\n' "$made_with" >"$folder/made-with"
    fi
    cmake -S "$rouse" -B "$folder" "$@"
}

build() {
    cmake --build "$1" --parallel "$cores"
}
