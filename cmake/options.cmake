# What can be chosen, and the flags that all of our own code is compiled with.
option(QUARRY_HOSTED "Build what needs an operating system too: the tool and the tests" ${PROJECT_IS_TOP_LEVEL})
option(QUARRY_UNIT "Without it: build the tests that need no library, for another machine" OFF)
set(QUARRY_KERNEL "" CACHE STRING "Without it: build the reference kernel for x86_64 or aarch64")
option(QUARRY_FUZZ "Build the libFuzzer targets (clang++ only)" OFF)
option(QUARRY_BENCH "Build the benchmarks" OFF)
set(QUARRY_SANITIZE "" CACHE STRING "Sanitizers for everything, such as address,undefined")
set(QUARRY_UNITE "" CACHE STRING "How many sources to compile as one at most, where that saves time; none by itself")
set(QUARRY_QUICK "" CACHE STRING "Flags for what takes longer to compile than to run: unit tests, and what is not the library")
set(QUARRY_TESTS "" CACHE STRING "Flags for model tests, which are compiled as often as they are run")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)  # with them, `linux` would be a macro
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  find_program(QUARRY_CCACHE ccache)
  if(QUARRY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros "${QUARRY_CCACHE}")
  endif()
endif()

# Includes are written from the root: "quarry/base/range.hpp". Files in messages are, too.
add_library(quarry_options INTERFACE)
target_include_directories(quarry_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(quarry_options INTERFACE
  -Wall -Wextra -Wconversion -Wsign-conversion $<$<NOT:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>>:-Wshadow> -Wold-style-cast -Werror
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=" -ffunction-sections -fdata-sections)
target_link_options(quarry_options INTERFACE -Wl,--gc-sections)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(quarry_options INTERFACE -Wthread-safety)
endif()
if(QUARRY_SANITIZE)
  target_compile_options(quarry_options INTERFACE "-fsanitize=${QUARRY_SANITIZE}" -fno-sanitize-recover=all)
  target_link_options(quarry_options INTERFACE "-fsanitize=${QUARRY_SANITIZE}")
endif()
if(QUARRY_FUZZ)
  target_compile_options(quarry_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# quarry_sources(OUT FOLDER [SUFFIX]): the sources below FOLDER whose names end in SUFFIX, such as
# _test.cpp; without one, those that are neither test nor fuzzer nor benchmark. New files are noticed.
function(quarry_sources out folder)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
  if(ARGC GREATER 2)
    list(FILTER found INCLUDE REGEX "${ARGV2}$")
  else()
    list(FILTER found EXCLUDE REGEX "_(test|fuzz|bench)\\.cpp$")
  endif()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()
