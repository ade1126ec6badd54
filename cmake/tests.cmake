# unit_tests and must_fail, on the harness that kernels run too; early_proof, pages_proof; examples; model_tests, on GoogleTest and RapidCheck.
enable_testing()

quarry_sources(model_sources quarry _model_test.cpp)
quarry_sources(unit_sources quarry _test.cpp)
quarry_sources(shell_unit_sources shell _test.cpp)
list(APPEND unit_sources ${shell_unit_sources})
list(REMOVE_ITEM unit_sources ${model_sources})

# The tests are objects of the program, never members of an archive: nothing refers to them, the linker
# collects their section by its name.
add_executable(unit_tests ${unit_sources} tests/host_main.cpp)
target_link_libraries(unit_tests PRIVATE quarry_options quarry_shell quarry_lib)
target_compile_options(unit_tests PRIVATE ${QUARRY_QUICK})
quarry_unite(unit_tests)
add_test(NAME unit_tests COMMAND unit_tests)

add_executable(must_fail EXCLUDE_FROM_ALL tests/must_fail.cpp tests/host_main.cpp)
target_link_libraries(must_fail PRIVATE quarry_options quarry_lib)

# The boot-time allocators against their models, on no library, for machines that have none.
add_executable(early_proof EXCLUDE_FROM_ALL tests/early_proof.cpp host/panic.cpp)
target_link_libraries(early_proof PRIVATE quarry_options quarry_lib)

# The page allocator beside cells that say who has each page, likewise.
add_executable(pages_proof EXCLUDE_FROM_ALL tests/pages_proof.cpp host/panic.cpp)
target_link_libraries(pages_proof PRIVATE quarry_options quarry_lib)

# What examples/ shows to kernels, run here.
quarry_sources(example_sources examples)
list(FILTER example_sources EXCLUDE REGEX "examples/.+/")  # kernels, which bring their own beginning
add_executable(examples EXCLUDE_FROM_ALL ${example_sources} tests/examples_main.cpp host/panic.cpp)
target_link_libraries(examples PRIVATE quarry_options quarry_lib)

if(NOT QUARRY_HOSTED)
  return()
endif()

# The page allocator on threads, and under every schedule of a few cores.
add_executable(pages_threads EXCLUDE_FROM_ALL tests/pages_threads.cpp host/panic.cpp)
target_link_libraries(pages_threads PRIVATE quarry_hosted_options quarry_lib)
add_executable(pages_schedules EXCLUDE_FROM_ALL tests/pages_schedules.cpp host/panic.cpp)
target_link_libraries(pages_schedules PRIVATE quarry_hosted_options quarry_lib)

# The slab allocator the same.
add_executable(slab_threads EXCLUDE_FROM_ALL tests/slab_threads.cpp host/panic.cpp)
target_link_libraries(slab_threads PRIVATE quarry_hosted_options quarry_host quarry_lib)
add_executable(slab_schedules EXCLUDE_FROM_ALL tests/slab_schedules.cpp host/panic.cpp)
target_link_libraries(slab_schedules PRIVATE quarry_hosted_options quarry_lib)

# Windows on high memory, under every schedule.
add_executable(kmap_schedules EXCLUDE_FROM_ALL tests/kmap_schedules.cpp host/panic.cpp)
target_link_libraries(kmap_schedules PRIVATE quarry_hosted_options quarry_lib)

# vmalloc, the same, and used by threads.
add_executable(vmalloc_threads EXCLUDE_FROM_ALL tests/vmalloc_threads.cpp host/panic.cpp)
target_link_libraries(vmalloc_threads PRIVATE quarry_hosted_options quarry_host quarry_lib)
add_executable(vmalloc_schedules EXCLUDE_FROM_ALL tests/vmalloc_schedules.cpp host/panic.cpp)
target_link_libraries(vmalloc_schedules PRIVATE quarry_hosted_options quarry_lib)

# The recorded Linux boots, unpacked where tests and scripts find them: those that were chosen, and random ones.
set(corpus "${PROJECT_BINARY_DIR}/corpus")
set(random_cases "${PROJECT_BINARY_DIR}/random-cases")
add_custom_target(corpus)
function(quarry_unpack name archive folder)
  if(EXISTS "${archive}")
    add_custom_command(OUTPUT "${folder}.stamp" DEPENDS "${archive}" VERBATIM
      COMMAND "${CMAKE_COMMAND}" -E rm -rf "${folder}"
      COMMAND "${CMAKE_COMMAND}" -E make_directory "${folder}"
      COMMAND "${CMAKE_COMMAND}" -E chdir "${folder}" "${CMAKE_COMMAND}" -E tar xJf "${archive}"
      COMMAND "${CMAKE_COMMAND}" -E touch "${folder}.stamp"
      COMMENT "Unpacking the corpus")
    add_custom_target(${name} DEPENDS "${folder}.stamp")
    add_dependencies(corpus ${name})
  endif()
endfunction()
quarry_unpack(corpus_files "${PROJECT_SOURCE_DIR}/tests/linux/cases.tar.xz" "${corpus}")
quarry_unpack(random_case_files "${PROJECT_SOURCE_DIR}/tests/linux/random-cases.tar.xz" "${random_cases}")
set(traces "${PROJECT_SOURCE_DIR}/tests/linux/bootmem-traces.jsonl.xz")
add_custom_command(OUTPUT "${PROJECT_BINARY_DIR}/bootmem-traces.jsonl" DEPENDS "${traces}" VERBATIM
  COMMAND xz --decompress --stdout "${traces}" > "${PROJECT_BINARY_DIR}/bootmem-traces.jsonl")
add_custom_target(bootmem_traces DEPENDS "${PROJECT_BINARY_DIR}/bootmem-traces.jsonl")
add_dependencies(corpus bootmem_traces)

# What hosted tests and fuzzers may use, and where they find things.
add_library(quarry_testing INTERFACE)
target_link_libraries(quarry_testing INTERFACE quarry_hosted_options quarry_cli)
target_compile_definitions(quarry_testing INTERFACE
  "QUARRY_CORPUS=\"${corpus}\"" "QUARRY_RANDOM_CASES=\"${random_cases}\""
  "QUARRY_BOOTMEM_TRACES=\"${PROJECT_BINARY_DIR}/bootmem-traces.jsonl\""
  "QUARRY_SOURCE=\"${PROJECT_SOURCE_DIR}\"")
find_library(QUARRY_FDT fdt)
if(QUARRY_FDT)
  target_link_libraries(quarry_testing INTERFACE "${QUARRY_FDT}")  # the oracle for our device-tree reader
endif()

# Our reader of device trees beside libfdt, on any trees: tools/debian-trees has it read all of Debian's.
if(QUARRY_FDT)
  add_executable(fdt_against_libfdt EXCLUDE_FROM_ALL tests/fdt_against_libfdt.cpp host/panic.cpp)
  target_link_libraries(fdt_against_libfdt PRIVATE quarry_hosted_options quarry_lib "${QUARRY_FDT}")
endif()

foreach(folder IN ITEMS host linux cli tests)
  quarry_sources(found ${folder} _test.cpp)
  list(APPEND model_sources ${found})
endforeach()
find_package(GTest)
find_package(rapidcheck)
# All sequences of so many operations: what they find is wrong answers, for which they need to be many rather than watched.
if(QUARRY_QUICK)
  list(REMOVE_ITEM model_sources tests/pages_lockstep_test.cpp quarry/buddy/huge_machine_model_test.cpp
    quarry/slab/slab_exhaustive_model_test.cpp quarry/vm/kmap_sequences_model_test.cpp)
endif()
if(model_sources AND GTest_FOUND AND rapidcheck_FOUND)
  add_executable(model_tests ${model_sources})
  target_link_libraries(model_tests PRIVATE quarry_testing GTest::gtest_main rapidcheck rapidcheck_gtest)
  target_compile_options(model_tests PRIVATE ${QUARRY_TESTS})
  quarry_precompile(model_tests <algorithm> <map> <optional> <string> <vector> <gtest/gtest.h> <rapidcheck/gtest.h>)
  quarry_unite(model_tests)
  add_dependencies(model_tests corpus)
  add_test(NAME model_tests COMMAND model_tests)
endif()
