# Finds liburing, wherever its headers and library are: Liburing_FOUND, Liburing_VERSION
# (empty when neither pkg-config nor the headers tell) and the target Liburing::Liburing.
# Installed with rouse, because a static librouse.a leaves liburing to the program that
# links it.
#
# Versions up to 2.3 say in no header which they are. What 2.3 was the first to have is
# looked for instead, so that nothing older is found.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_LIBURING QUIET liburing)
endif()

find_path(Liburing_INCLUDE_DIR liburing.h HINTS ${PC_LIBURING_INCLUDE_DIRS})
find_library(Liburing_LIBRARY NAMES uring HINTS ${PC_LIBURING_LIBRARY_DIRS})
mark_as_advanced(Liburing_INCLUDE_DIR Liburing_LIBRARY)

set(Liburing_RECENT OFF)
if(Liburing_INCLUDE_DIR)
  file(STRINGS "${Liburing_INCLUDE_DIR}/liburing.h" Liburing_RECENT
    REGEX "io_uring_submit_and_get_events" LIMIT_COUNT 1)
endif()
set(Liburing_VERSION "${PC_LIBURING_VERSION}")

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Liburing
  REQUIRED_VARS Liburing_LIBRARY Liburing_INCLUDE_DIR Liburing_RECENT)

if(Liburing_FOUND AND NOT TARGET Liburing::Liburing)
  add_library(Liburing::Liburing UNKNOWN IMPORTED)
  set_target_properties(Liburing::Liburing PROPERTIES
    IMPORTED_LOCATION "${Liburing_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Liburing_INCLUDE_DIR}")
endif()
