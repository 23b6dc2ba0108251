#!/usr/bin/env bash
#
# What it takes to build for Windows and to run what was built: mingw-w64, Wine, and
# libuv and CUnit for the target, of which Debian has only the sources. To be sourced
# after ci/lib.sh, or run, which does all of it:
#
#   ci/windows.sh    installs, fetches and builds what is missing, then builds rouse in
#                    build/windows/tree and makes its examples and its suite there
#
# In a script:
#
#   need_windows     then install_missing
#   get_windows      sets windows_prefix, where libuv and CUnit are
#   windows_configure FOLDER [-DOPTION=VALUE]...
#   prepare_wine     exports WINEPREFIX and WINEDEBUG; programs then run by `wine`

# shellcheck source=ci/lib.sh
[ -n "${rouse:-}" ] || . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A subshell, because it is the caller's `work` that we must not change.
windows_work=$(choose_work build/windows && printf '%s' "$work")
windows_prefix=$windows_work/prefix

# Windows' own model of threads, as in cmake/toolchain-mingw.cmake.
mingw() {
    local tool
    for tool in "x86_64-w64-mingw32-$1-win32" "x86_64-w64-mingw32-$1"; do
        if has "$tool"; then
            printf '%s' "$tool"
            return
        fi
    done
    return 1
}

need_windows() {
    mingw gcc >/dev/null || need gcc-mingw-w64-x86-64-win32 'mingw-w64'
    has wine || need 'wine wine64' Wine
    if ! windows_is_here; then
        need_sources 'libuv and CUnit for Windows'
        need_cmake
    fi
}

# What the libraries were made with; others are made anew.
windows_made_with() {
    "$(mingw gcc)" --version | head -n 1
    declare -f build_libuv build_cunit | cksum
}

windows_is_here() {
    mingw gcc >/dev/null &&
        [ "$(cat "$windows_prefix/made-with" 2>/dev/null)" = "$(windows_made_with)" ]
}

build_libuv() {
    local source
    source=$(echo "$windows_work"/sources/libuv1-*/)
    (
        unset CFLAGS LDFLAGS CMAKE_PREFIX_PATH
        cmake -S "$source" -B "$windows_work/libuv" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
            -DCMAKE_TOOLCHAIN_FILE="$rouse/cmake/toolchain-mingw.cmake" -DBUILD_TESTING=OFF &&
            cmake --build "$windows_work/libuv" --parallel "$cores" --target uv_a
    ) || return
    cp -R "$source/include/." "$1/include" &&
        cp "$windows_work/libuv/libuv_a.a" "$1/lib/libuv.a"
}

# Of CUnit only the parts without a user interface, which are plain C.
build_cunit() {
    local source version part file objects=()
    source=$(echo "$windows_work"/sources/cunit-*/CUnit)
    version=$(sed -n '1s/[^(]*(\([0-9.]*-[0-9]*\).*/\1/p' "$source/../debian/changelog")
    mkdir -p "$1/include/CUnit" "$windows_work/cunit"
    cp "$source"/Headers/*.h "$1/include/CUnit" || return
    sed "s/@VERSION@-@RELEASE@/$version/" "$source/Headers/CUnit.h.in" >"$1/include/CUnit/CUnit.h"
    for part in Framework Basic Automated; do
        for file in "$source/Sources/$part"/*.c; do
            objects+=("$windows_work/cunit/$(basename "$file" .c).o")
            "$(mingw gcc)" -O2 -w "-I$1/include/CUnit" -c "$file" -o "${objects[-1]}" || return
        done
    done
    "$(mingw gcc-ar)" rcs "$1/lib/libcunit.a" "${objects[@]}"
}

# One step of get_windows, whose output nobody wants to see unless it failed.
windows_step() {
    local log=$windows_work/log
    say "$1"
    shift
    if ! ("$@") >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        stop "that failed; all of it is in $log"
    fi
}

get_windows() {
    local made=$windows_prefix.new
    ! windows_is_here || return 0
    rm -rf "$windows_prefix" "$made" "$windows_work"/{libuv,cunit}
    mkdir -p "$made/include" "$made/lib"
    windows_step "fetching the sources of libuv and CUnit" \
        fetch_sources "$windows_work/sources" libuv1 cunit
    windows_step "building CUnit for Windows" build_cunit "$made"
    windows_step "building libuv for Windows" build_libuv "$made"
    windows_made_with >"$made/made-with"
    mv "$made" "$windows_prefix"
}

# The compiler and the flags of the user's environment are for this machine.
windows_configure() (
    unset CFLAGS LDFLAGS CMAKE_PREFIX_PATH
    CC=$(mingw gcc)
    configure "$@" -DCMAKE_TOOLCHAIN_FILE="$rouse/cmake/toolchain-mingw.cmake" \
        -DCMAKE_PREFIX_PATH="$windows_prefix"
)

# A world of its own for Wine, without the debugger that it would start for a program that
# crashed: that may lose the program's exit status.
prepare_wine() {
    export WINEPREFIX=$windows_work/wine WINEDEBUG=-all
    [ ! -e "$WINEPREFIX/prepared" ] || return 0
    say "preparing Wine in $WINEPREFIX"
    rm -rf "$WINEPREFIX"
    if ! { wineboot -i && wine reg add \
        'HKLM\Software\Microsoft\Windows NT\CurrentVersion\AeDebug' /v Debugger /d '' /f; } \
        >/dev/null 2>&1 </dev/null; then
        stop "Wine does not work here"
    fi
    touch "$WINEPREFIX/prepared"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    need_cmake
    need_windows
    install_missing
    get_windows
    windows_configure "$windows_work/tree" -DROUSE_WERROR=ON
    build "$windows_work/tree"
    prepare_wine
fi
