# Which backends can be compiled here, and which of them are.
#
#   in:   ROUSE_BACKENDS, a list of names or "all"; ROUSE_BACKEND, one of them or "native"
#   out:  rouse_backends, rouse_backend_sources, rouse_backend_libraries, rouse_sim_sources

set(ROUSE_BACKENDS "all" CACHE STRING
  "The backends to compile in: a list of names, or \"all\" that are possible here")
set(ROUSE_BACKEND "native" CACHE STRING
  "The backend that a program gets by default: a name, or \"native\" for the best that opens")

set(rouse_possible)   # names of those that could be compiled here
set(rouse_impossible) # the others, each with its reason
set(rouse_backends)
set(rouse_backend_sources)
set(rouse_backend_libraries)

# rouse_backend(name IF condition OTHERWISE why-not SOURCES files [LIBRARIES targets])
macro(rouse_backend name)
  cmake_parse_arguments(backend "" "OTHERWISE" "IF;SOURCES;LIBRARIES" ${ARGN})
  if(${backend_IF})
    list(APPEND rouse_possible ${name})
    if("${ROUSE_BACKENDS}" STREQUAL "all" OR "${name}" IN_LIST ROUSE_BACKENDS)
      list(APPEND rouse_backends ${name})
      list(APPEND rouse_backend_sources ${backend_SOURCES})
      list(APPEND rouse_backend_libraries ${backend_LIBRARIES})
    endif()
  else()
    list(APPEND rouse_impossible "${name} (${backend_OTHERWISE})")
  endif()
endmacro()

if("${ROUSE_BACKENDS}" STREQUAL "all" OR "libuv" IN_LIST ROUSE_BACKENDS)
  find_package(Libuv 1.44 QUIET)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL Linux
    AND ("${ROUSE_BACKENDS}" STREQUAL "all" OR "uring" IN_LIST ROUSE_BACKENDS))
  find_package(Liburing QUIET)
endif()

# A new backend is one line here and one in src/evq/backends.c, which knows the order
# of preference.
set(rouse_bsds Darwin FreeBSD NetBSD OpenBSD DragonFly)
if(NOT ROUSE_KQUEUE_EMULATION)
  rouse_backend(kqueue IF CMAKE_SYSTEM_NAME IN_LIST rouse_bsds OTHERWISE "needs macOS or a BSD"
    SOURCES src/evq/kqueue.c)
endif()
rouse_backend(iocp IF WIN32 OTHERWISE "needs Windows" SOURCES src/evq/iocp.c)
rouse_backend(epoll IF CMAKE_SYSTEM_NAME STREQUAL Linux OTHERWISE "needs Linux"
  SOURCES src/evq/epoll.c)
rouse_backend(uring IF Liburing_FOUND OTHERWISE "needs Linux and liburing, 2.3 or newer"
  SOURCES src/evq/uring.c LIBRARIES Liburing::Liburing)
rouse_backend(poll IF UNIX OTHERWISE "needs poll(2)" SOURCES src/evq/poll.c)
rouse_backend(libuv IF Libuv_FOUND OTHERWISE "needs libuv, 1.44 or newer"
  SOURCES src/evq/libuv.c LIBRARIES Libuv::Libuv)
if(ROUSE_KQUEUE_EMULATION) # after the real ones
  rouse_backend(kqueue IF CMAKE_SYSTEM_NAME STREQUAL Linux OTHERWISE "its emulation needs Linux"
    SOURCES src/evq/kqueue.c conformance/kqueue/emulation.c)
endif()
set(rouse_sim_sources src/evq/sim.c src/evq/sim_calls.c src/evq/sim_connect.c
  src/evq/sim_datagrams.c src/evq/sim_faults.c src/evq/sim_sockets.c src/evq/sim_trace.c)
rouse_backend(sim IF TRUE SOURCES ${rouse_sim_sources})

# Errors list what there is.
list(JOIN rouse_possible ", " rouse_what_there_is)
set(rouse_what_there_is "there are ${rouse_what_there_is}")
if(rouse_impossible)
  list(JOIN rouse_impossible ", " rouse_why_not)
  string(APPEND rouse_what_there_is "; not here: ${rouse_why_not}")
endif()

if("${ROUSE_BACKENDS}" STREQUAL "")
  message(FATAL_ERROR "ROUSE_BACKENDS is empty: ${rouse_what_there_is}")
endif()
foreach(name IN LISTS ROUSE_BACKENDS)
  if(NOT name STREQUAL "all" AND NOT name IN_LIST rouse_possible)
    message(FATAL_ERROR "ROUSE_BACKENDS: no backend \"${name}\": ${rouse_what_there_is}")
  endif()
endforeach()
if(NOT ROUSE_BACKEND STREQUAL "native" AND NOT ROUSE_BACKEND IN_LIST rouse_backends)
  list(JOIN rouse_backends ", " rouse_what_there_is)
  message(FATAL_ERROR "ROUSE_BACKEND: no backend \"${ROUSE_BACKEND}\" is compiled in: "
    "there are ${rouse_what_there_is}, and native, the best of them that opens")
endif()

list(JOIN rouse_backends ", " rouse_names)
message(STATUS "rouse: backends ${rouse_names}; default ${ROUSE_BACKEND}")
if(rouse_impossible)
  list(JOIN rouse_impossible ", " rouse_names)
  message(STATUS "rouse: without ${rouse_names}")
endif()
