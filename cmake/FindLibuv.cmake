# Finds libuv, wherever its headers and library are: Libuv_FOUND, Libuv_VERSION and
# the target Libuv::Libuv. Installed with rouse, because a static librouse.a leaves
# libuv to the program that links it.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_LIBUV QUIET libuv)
endif()

find_path(Libuv_INCLUDE_DIR uv.h HINTS ${PC_LIBUV_INCLUDE_DIRS})
find_library(Libuv_LIBRARY NAMES uv libuv HINTS ${PC_LIBUV_LIBRARY_DIRS})
mark_as_advanced(Libuv_INCLUDE_DIR Libuv_LIBRARY)

if(Libuv_INCLUDE_DIR AND EXISTS "${Libuv_INCLUDE_DIR}/uv/version.h")
  file(STRINGS "${Libuv_INCLUDE_DIR}/uv/version.h" Libuv_VERSION
    REGEX "^#define UV_VERSION_(MAJOR|MINOR|PATCH) ")
  list(TRANSFORM Libuv_VERSION REPLACE "^#define UV_VERSION_[A-Z]+ +([0-9]+).*" "\\1")
  list(JOIN Libuv_VERSION "." Libuv_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libuv
  REQUIRED_VARS Libuv_LIBRARY Libuv_INCLUDE_DIR
  VERSION_VAR Libuv_VERSION)

if(Libuv_FOUND AND NOT TARGET Libuv::Libuv)
  add_library(Libuv::Libuv UNKNOWN IMPORTED)
  set_target_properties(Libuv::Libuv PROPERTIES
    IMPORTED_LOCATION "${Libuv_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Libuv_INCLUDE_DIR}")
  if(WIN32) # what a static one stands on, and a DLL's does not mind
    set_target_properties(Libuv::Libuv PROPERTIES INTERFACE_LINK_LIBRARIES
      "psapi;user32;advapi32;iphlpapi;userenv;ws2_32;dbghelp;ole32;shell32;uuid")
  endif()
endif()
