# SPDX-License-Identifier: Apache-2.0
# Settings and helpers shared by every folder of the build.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(FAASNAP_CCACHE ccache)
if(FAASNAP_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${FAASNAP_CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(liblz4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(libseccomp REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(libcrypto REQUIRED IMPORTED_TARGET libcrypto)
# File offsets have 64 bits on x86-64 without its definition, which would keep a precompiled header
# from being used.
set_target_properties(PkgConfig::hiredis PROPERTIES INTERFACE_COMPILE_OPTIONS "")
# TLS towards Redis servers, where libhiredis has it.
pkg_check_modules(hiredis_ssl IMPORTED_TARGET hiredis_ssl)
if(hiredis_ssl_FOUND)
  set_target_properties(PkgConfig::hiredis_ssl PROPERTIES INTERFACE_COMPILE_OPTIONS "")
endif()

add_library(faasnap_build_flags INTERFACE)
target_compile_options(faasnap_build_flags INTERFACE -Wall -Wextra -Wshadow)
# Another compiler's new warning must not break the project that embeds this one.
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(faasnap_build_flags INTERFACE -Werror)
endif()
if(FAASNAP_SANITIZE)
  target_compile_options(faasnap_build_flags INTERFACE
    -fsanitize=${FAASNAP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    # With sanitizers GCC takes code of its own standard library for uninitialized.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(faasnap_build_flags INTERFACE -fsanitize=${FAASNAP_SANITIZE})
  target_compile_definitions(faasnap_build_flags INTERFACE FAASNAP_SANITIZED)
endif()

# The floors of libfaasnap, the folders below src/, from the lowest up; neighbours on one level do
# not include each other (tests/floors).
set(FAASNAP_FLOORS
  base
  memory uring redis trace
  format kvm virtio boot
  paging machine worker
  snapshot store
  signature vm
  guest host catalogue
  function)

# faasnap_floors_up_to(FLOOR VARIABLE): the floor, and those that it may be built on.
function(faasnap_floors_up_to floor variable)
  list(FIND FAASNAP_FLOORS ${floor} index)
  if(index EQUAL -1)
    message(FATAL_ERROR "${floor} is not a floor of libfaasnap")
  endif()
  math(EXPR count "${index} + 1")
  list(SUBLIST FAASNAP_FLOORS 0 ${count} floors)
  set(${variable} ${floors} PARENT_SCOPE)
endfunction()

# faasnap_link_floors(TARGET FLOOR...): links a program with the object files of floors.
function(faasnap_link_floors target)
  foreach(floor ${ARGN})
    target_link_libraries(${target} PRIVATE faasnap_${floor})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:faasnap_${floor}>)
  endforeach()
endfunction()

# Headers that most files include, and that take longest to compile.
set(FAASNAP_COMMON_HEADERS
  <fmt/format.h> <algorithm> <filesystem> <functional> <memory> <optional> <span> <string> <vector>)

# faasnap_share_headers(TARGET OWNER HEADER...)
#
# Compiles the headers once, for OWNER, and gives TARGET the result. Targets that share must be
# compiled alike. Only presets whose units hold several files anyway have it: elsewhere a file that
# lacks an include does not compile.
function(faasnap_share_headers target owner)
  if(CMAKE_DISABLE_PRECOMPILE_HEADERS)
    return()
  endif()
  # ccache asks for it.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  if(target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()

# faasnap_compile_quickly(TARGET)
#
# For all but the library, whose speed is what counts: other code compiles faster with less
# optimisation, and GCC 12 finds no faults in its standard library then.
function(faasnap_compile_quickly target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# faasnap_compile_test(TARGET)
#
# For what only calls what is tested: without optimisation it takes two thirds of the time to
# compile, and no longer to run. With sanitizers it would run nearly three times as long.
function(faasnap_compile_test target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O0>)
endfunction()

# faasnap_floor(NAME SOURCES file... [LINKS target...])
#
# One floor of libfaasnap (a folder below src/) as an object library.
function(faasnap_floor name)
  cmake_parse_arguments(FLOOR "" "" "SOURCES;LINKS" ${ARGN})
  add_library(faasnap_${name} OBJECT ${FLOOR_SOURCES})
  set_target_properties(faasnap_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  faasnap_share_headers(faasnap_${name} faasnap_base ${FAASNAP_COMMON_HEADERS})
  target_include_directories(faasnap_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/libfaasnap/include ${PROJECT_SOURCE_DIR}/libfaasnap/src)
  target_link_libraries(faasnap_${name} PRIVATE faasnap_build_flags
                        PUBLIC fmt::fmt Threads::Threads ${FLOOR_LINKS})
endfunction()

# faasnap_unit_test(NAME SOURCES file... [LINKS target...])
#
# The test program test_NAME. Where NAME is a floor, it is linked with the object files of that
# floor and those below it; with the floor vm come the workers that VMs may have.
function(faasnap_unit_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(test_${name} ${TEST_SOURCES})
  if(name IN_LIST FAASNAP_FLOORS)
    faasnap_floors_up_to(${name} floors)
    faasnap_link_floors(test_${name} ${floors})
    if(vm IN_LIST floors)
      add_dependencies(test_${name} faasnap-worker)
    endif()
  endif()
  target_link_libraries(test_${name} PRIVATE faasnap_build_flags Catch2::Catch2WithMain ${TEST_LINKS})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit)
  faasnap_share_headers(test_${name} test_base ${FAASNAP_COMMON_HEADERS}
    <catch2/catch_test_macros.hpp> <catch2/generators/catch_generators.hpp>)
  faasnap_compile_test(test_${name})
  catch_discover_tests(test_${name} TEST_PREFIX "${name}: " PROPERTIES LABELS unit SKIP_RETURN_CODE 4)
endfunction()
