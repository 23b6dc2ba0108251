# What `cmake --install` puts where: headers, library, kit, and the files by which
# CMake and pkg-config find them. Nothing in them names the prefix, so that it can be
# moved.

include(CMakePackageConfigHelpers)

# A static and a shared build may be installed over each other: each describes itself
# in a file of its own, and rouseConfig.cmake chooses.
if(BUILD_SHARED_LIBS)
  set(rouse_kind shared)
else()
  set(rouse_kind static)
endif()
set(rouse_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/rouse")

install(DIRECTORY include/rouse DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  PATTERN conform.h EXCLUDE)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(TARGETS rouse EXPORT rouse-${rouse_kind}
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(EXPORT rouse-${rouse_kind} NAMESPACE rouse:: DESTINATION "${rouse_package_dir}")

if(ROUSE_CONFORM)
  install(TARGETS rouse_conform EXPORT rouse-conform
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT rouse-conform NAMESPACE rouse:: DESTINATION "${rouse_package_dir}")
  install(FILES include/rouse/conform.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/rouse")
  install(TARGETS rouse-conform RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  install(FILES cmake/FindCUnit.cmake DESTINATION "${rouse_package_dir}")
endif()

# find_package(rouse)
configure_package_config_file(cmake/rouseConfig.cmake.in rouseConfig.cmake
  INSTALL_DESTINATION "${rouse_package_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(rouseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/rouseConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/rouseConfigVersion.cmake"
  cmake/FindLiburing.cmake
  cmake/FindLibuv.cmake
  DESTINATION "${rouse_package_dir}")

# pkg-config rouse. A static library leaves what it stands on to its user, who seldom
# thinks of --static: when there is no shared one, plain --libs names it too.
set(rouse_pc_private)
if(UNIX)
  list(APPEND rouse_pc_private -pthread)
endif()
if("libuv" IN_LIST rouse_backends)
  list(PREPEND rouse_pc_private -luv)
  get_target_property(rouse_libuv_needs Libuv::Libuv INTERFACE_LINK_LIBRARIES)
  if(rouse_libuv_needs)
    list(APPEND rouse_host_libraries ${rouse_libuv_needs})
    list(REMOVE_DUPLICATES rouse_host_libraries)
  endif()
endif()
if("uring" IN_LIST rouse_backends)
  list(PREPEND rouse_pc_private -luring)
endif()
foreach(library IN LISTS rouse_host_libraries)
  list(APPEND rouse_pc_private "-l${library}")
endforeach()
list(JOIN rouse_pc_private " " rouse_pc_private)
set(rouse_pc_libs)
set(rouse_pc_cflags)
if(BUILD_SHARED_LIBS)
  set(rouse_pc_cflags " -DROUSE_SHARED")
else()
  set(rouse_pc_libs " ${rouse_pc_private}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(rouse_pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(rouse_pc_libdir "${CMAKE_INSTALL_FULL_LIBDIR}")
  set(rouse_pc_includedir "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
  file(RELATIVE_PATH rouse_pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  set(rouse_pc_prefix "\${pcfiledir}/${rouse_pc_prefix}")
  set(rouse_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(rouse_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(cmake/rouse.pc.in rouse.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/rouse.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
