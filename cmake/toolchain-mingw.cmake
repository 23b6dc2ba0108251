# Builds for Windows on another system, by mingw-w64:
#
#   cmake -B build/windows -DCMAKE_TOOLCHAIN_FILE=cmake/toolchain-mingw.cmake
#
# libuv and CUnit for the target are looked for in CMAKE_PREFIX_PATH, never among the
# machine's own. Where Wine is installed, ctest runs the programs by it.

set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

# Windows' own threads: the other model, which Debian may have as the default, brings a
# DLL that is nowhere in the PATH of who runs the program.
find_program(ROUSE_MINGW_C NAMES x86_64-w64-mingw32-gcc-win32 x86_64-w64-mingw32-gcc REQUIRED)
find_program(ROUSE_MINGW_CXX NAMES x86_64-w64-mingw32-g++-win32 x86_64-w64-mingw32-g++)
mark_as_advanced(ROUSE_MINGW_C ROUSE_MINGW_CXX)
set(CMAKE_C_COMPILER "${ROUSE_MINGW_C}")
if(ROUSE_MINGW_CXX)
  set(CMAKE_CXX_COMPILER "${ROUSE_MINGW_CXX}")
endif()
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

# Nor do the compiler's own libraries come as DLLs.
foreach(kind EXE SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT "-static -static-libgcc")
endforeach()

set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32 ${CMAKE_PREFIX_PATH})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_DISABLE_FIND_PACKAGE_PkgConfig ON) # it would tell of this machine

find_program(ROUSE_WINE NAMES wine wine64)
mark_as_advanced(ROUSE_WINE)
if(ROUSE_WINE)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${ROUSE_WINE}")
endif()
