# Finds CUnit, which runs the conformance cases: CUnit_FOUND and the target
# CUnit::CUnit. Installed with rouse, because librouse_conform.a leaves CUnit to the
# program that links it.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_CUNIT QUIET cunit)
endif()

find_path(CUnit_INCLUDE_DIR CUnit/CUnit.h HINTS ${PC_CUNIT_INCLUDE_DIRS})
find_library(CUnit_LIBRARY NAMES cunit HINTS ${PC_CUNIT_LIBRARY_DIRS})
mark_as_advanced(CUnit_INCLUDE_DIR CUnit_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CUnit REQUIRED_VARS CUnit_LIBRARY CUnit_INCLUDE_DIR)

if(CUnit_FOUND AND NOT TARGET CUnit::CUnit)
  add_library(CUnit::CUnit UNKNOWN IMPORTED)
  set_target_properties(CUnit::CUnit PROPERTIES
    IMPORTED_LOCATION "${CUnit_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${CUnit_INCLUDE_DIR}")
endif()
