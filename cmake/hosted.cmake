# quarry_host, the simulated machine; quarry_linux, what Linux does with one; quarry, the tool.
include(embed)
find_package(Threads REQUIRED)
add_library(quarry_hosted_options INTERFACE)
target_link_libraries(quarry_hosted_options INTERFACE quarry_options Threads::Threads)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees ghosts in std::string (bugs 105651 and 105329).
  target_compile_options(quarry_hosted_options INTERFACE -Wno-restrict -Wno-stringop-overflow)
endif()

# quarry_precompile(TARGET HEADERS...): compiles the large headers of others once, for speed alone. Every
# source still includes what it uses: clang-tidy and the check of headers alone see it without this.
# quarry_precompile(TARGET REUSE_FROM OTHER): the same headers, and the work already done.
function(quarry_precompile target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    return()
  elseif(ARGV1 STREQUAL "REUSE_FROM")
    target_precompile_headers(${target} ${ARGN})
  else()
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)  # for ccache
  endif()
endfunction()

# quarry_hosted(NAME FOLDER NEEDS...): a static library of FOLDER's sources; without any, what they would need.
function(quarry_hosted name folder)
  quarry_sources(sources ${folder})
  list(REMOVE_ITEM sources cli/main.cpp)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PRIVATE quarry_hosted_options PUBLIC ${ARGN})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARGN})
  endif()
endfunction()

find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)  # its headers alone: kernel_toml.cpp decides what its assertions do
# What unpacks a kernel's image.
find_package(ZLIB REQUIRED)
find_package(LibLZMA REQUIRED)
find_library(QUARRY_LZ4 lz4 REQUIRED)
find_library(QUARRY_ZSTD zstd REQUIRED)
# What reads the sizes of its structures: BTF, and DWARF.
find_library(QUARRY_BPF bpf REQUIRED)
find_library(QUARRY_DW dw REQUIRED)
find_library(QUARRY_ELF elf REQUIRED)
find_library(QUARRY_EDIT edit REQUIRED)  # the shell's line editor
quarry_hosted(quarry_host host quarry_lib)
quarry_hosted(quarry_linux linux quarry_host fmt::fmt nlohmann_json::nlohmann_json
  ZLIB::ZLIB LibLZMA::LibLZMA ${QUARRY_LZ4} ${QUARRY_ZSTD} ${QUARRY_BPF} ${QUARRY_DW} ${QUARRY_ELF})
if(EXISTS "${PROJECT_SOURCE_DIR}/linux/builtin")
  quarry_embed(quarry_linux "${PROJECT_SOURCE_DIR}/linux/builtin")
endif()
quarry_hosted(quarry_cli cli quarry_linux quarry_shell)
# Commands, their options and how they say things: half of the time that cli/ takes to compile, and nothing that tests link.
# What only reads the command line runs once a process, and its library is all templates: it is not optimised.
if(TARGET quarry_cli)
  get_target_property(cli_sources quarry_cli SOURCES)
  set(command_lines ${cli_sources})
  list(FILTER command_lines INCLUDE REGEX "cli/(commands|boot_options|.*_arguments)\\.cpp$")
  list(REMOVE_ITEM cli_sources ${command_lines})
  set(commands ${cli_sources})
  list(FILTER commands INCLUDE REGEX
    "cli/(.*_command|json|ledger_text|life_.*|output|picture|text_report|compare_text|shell_.*)\\.cpp$")
  list(REMOVE_ITEM cli_sources ${commands})
  set_target_properties(quarry_cli PROPERTIES SOURCES "${cli_sources}")
  add_library(quarry_commands STATIC EXCLUDE_FROM_ALL ${commands})
  target_link_libraries(quarry_commands PRIVATE quarry_hosted_options PUBLIC quarry_cli ${QUARRY_EDIT})
  add_library(quarry_command_line OBJECT cli/main.cpp ${command_lines})
  target_link_libraries(quarry_command_line PRIVATE quarry_hosted_options quarry_commands CLI11::CLI11)
  target_compile_options(quarry_command_line PRIVATE -O0)
endif()

# Each policy on all geometries, twice: at -O2 each takes as long as the rest of the tool.
set(stages run_pages_linux run_pages_compact shell_serve_linux shell_serve_compact)
list(TRANSFORM stages PREPEND "${PROJECT_SOURCE_DIR}/cli/")
list(TRANSFORM stages APPEND ".cpp")
set_source_files_properties(${stages} PROPERTIES COMPILE_OPTIONS "-O1")
if(QUARRY_QUICK)
  set_source_files_properties(${stages} PROPERTIES COMPILE_OPTIONS "${QUARRY_QUICK}" SKIP_PRECOMPILE_HEADERS ON)
endif()

foreach(library IN ITEMS quarry_linux quarry_cli quarry_commands)
  target_compile_options(${library} PRIVATE ${QUARRY_QUICK})
endforeach()
foreach(library IN ITEMS quarry_linux quarry_cli quarry_commands quarry_command_line)
  quarry_unite(${library})
endforeach()
quarry_precompile(quarry_linux <algorithm> <map> <optional> <string> <vector> <fmt/format.h> <nlohmann/json.hpp>)
quarry_precompile(quarry_cli REUSE_FROM quarry_linux)
quarry_precompile(quarry_commands REUSE_FROM quarry_linux)

if(EXISTS "${PROJECT_SOURCE_DIR}/cli/main.cpp")
  add_executable(quarry $<TARGET_OBJECTS:quarry_command_line>)
  target_link_libraries(quarry PRIVATE quarry_hosted_options quarry_commands CLI11::CLI11)
endif()
