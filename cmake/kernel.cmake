# kernel: the reference kernel for QUARRY_KERNEL (x86_64, aarch64), on the freestanding library. kernel/run builds and boots it.
enable_language(ASM)
set(QUARRY_KERNEL_OPTIONS -fno-omit-frame-pointer -fno-optimize-sibling-calls)
foreach(library IN ITEMS quarry_lib quarry_shell)
  target_compile_options(${library} PRIVATE ${QUARRY_KERNEL_OPTIONS})
endforeach()

file(GLOB kernel_sources CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}"
  "${PROJECT_SOURCE_DIR}/kernel/*.cpp" "${PROJECT_SOURCE_DIR}/kernel/${QUARRY_KERNEL}/*.cpp"
  "${PROJECT_SOURCE_DIR}/kernel/${QUARRY_KERNEL}/*.S")
quarry_sources(kernel_tests quarry _test.cpp)
quarry_sources(kernel_shell_tests shell _test.cpp)
list(APPEND kernel_tests ${kernel_shell_tests})
list(FILTER kernel_tests EXCLUDE REGEX "_model_test\\.cpp$")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # clang leaves loops alone in freestanding code
  set_source_files_properties(kernel/bytes.cpp PROPERTIES COMPILE_OPTIONS -fno-tree-loop-distribute-patterns)
endif()

set(kernel_script "${PROJECT_SOURCE_DIR}/kernel/${QUARRY_KERNEL}/kernel.ld")

add_library(kernel_objects OBJECT ${kernel_sources})
target_link_libraries(kernel_objects PRIVATE quarry_options quarry_lib quarry_shell)
target_include_directories(kernel_objects PRIVATE "kernel/${QUARRY_KERNEL}")
target_compile_options(kernel_objects PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${QUARRY_KERNEL_OPTIONS}>)
quarry_unite(kernel_objects)

# quarry_kernel(NAME SOURCES...): an image with these sources, too. Unit tests bring tens of megabytes of memory of their own.
function(quarry_kernel name)
  add_executable(${name} $<TARGET_OBJECTS:kernel_objects> ${ARGN})
  target_link_libraries(${name} PRIVATE quarry_options quarry_shell quarry_lib)
  target_compile_options(${name} PRIVATE ${QUARRY_KERNEL_OPTIONS})
  target_link_options(${name} PRIVATE -nostdlib -static -no-pie "LINKER:-T,${kernel_script}" LINKER:--build-id=none
    LINKER:-z,max-page-size=4096,-z,noexecstack,--no-warn-rwx-segments)
  set_target_properties(${name} PROPERTIES LINK_DEPENDS "${kernel_script}" SUFFIX .elf)
  # Of an ELF file QEMU would hand an aarch64 kernel no device tree: its image begins with a header of its own.
  if(QUARRY_KERNEL STREQUAL "aarch64")
    add_custom_command(TARGET ${name} POST_BUILD VERBATIM
      COMMAND "${CMAKE_OBJCOPY}" -O binary "$<TARGET_FILE:${name}>" "${name}.bin")
  endif()
endfunction()
quarry_kernel(kernel)
quarry_kernel(kernel-tests ${kernel_tests})
target_compile_options(kernel-tests PRIVATE -O1)  # they are run once
quarry_unite(kernel-tests)

# What a kernel needs at the least.
if(QUARRY_KERNEL STREQUAL "x86_64")
  set(example "${PROJECT_SOURCE_DIR}/examples/kernel_x86_64")
  add_executable(example-kernel ${example}/entry.S ${example}/kernel.cpp kernel/bytes.cpp)
  target_link_libraries(example-kernel PRIVATE quarry_options quarry_lib)
  target_link_options(example-kernel PRIVATE -nostdlib -static -no-pie "LINKER:-T,${example}/kernel.ld" LINKER:--build-id=none
    LINKER:--no-warn-rwx-segments)
  set_target_properties(example-kernel PROPERTIES LINK_DEPENDS "${example}/kernel.ld" SUFFIX .elf)
endif()
