# A toolchain for bare machines. The compiler and its flags come from tools/bare_flags, which the checks
# ask too; QUARRY_BARE chooses another than g++ for x86_64, such as clang;aarch64.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(QUARRY_BARE "gcc;x86_64" CACHE STRING "Compiler (gcc, clang) and machine (x86_64, aarch64, arm, riscv64)")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES QUARRY_BARE)
list(GET QUARRY_BARE 1 CMAKE_SYSTEM_PROCESSOR)

execute_process(
  COMMAND "${CMAKE_CURRENT_LIST_DIR}/../tools/bare_flags" ${QUARRY_BARE}
  OUTPUT_VARIABLE command OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(command UNIX_COMMAND "${command}")
list(POP_FRONT command CMAKE_CXX_COMPILER)
string(REPLACE ";-isystem;" ";SHELL:-isystem " command "${command}")  # or CMake drops all but the first
add_compile_options(${command})
