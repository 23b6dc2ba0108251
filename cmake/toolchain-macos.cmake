# For macOS, from anywhere: the compiler of the zig package, which brings Apple's headers
# and a linker. ci/cross-macos finds it, makes the commands that stand here, and says
# which processor in ROUSE_MACOS, x86_64 or aarch64.

set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR "${ROUSE_MACOS}")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ROUSE_MACOS ROUSE_ZIG)

set(CMAKE_C_COMPILER "${ROUSE_ZIG}/cc-${ROUSE_MACOS}")
set(CMAKE_AR "${ROUSE_ZIG}/ar")
set(CMAKE_RANLIB "${ROUSE_ZIG}/ranlib")

# What Xcode would be asked, and what is found on this machine, is for this machine.
set(CMAKE_INSTALL_NAME_TOOL "${ROUSE_ZIG}/none")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
