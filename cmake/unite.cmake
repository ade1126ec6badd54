# quarry_unite(TARGET): compiles up to QUARRY_UNITE of the target's sources as one, since most of the time goes into what they
# share: a third of the time for linux/, with the same code as outcome. tools/check/grouping.py chooses sources whose names are
# not likely to clash; where they do, now or after an edit, tools/compile_united parts them. Sources with options of their own
# stay alone. Warnings of a name that hides another one's are off here: united, strangers would meet. The
# presets that unite nothing, and clang-tidy, look at each source by itself.
find_program(QUARRY_PYTHON python3)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS tools/check/grouping.py)
function(quarry_unite target)
  get_target_property(type ${target} TYPE)
  if(NOT QUARRY_UNITE OR NOT QUARRY_PYTHON OR type STREQUAL "INTERFACE_LIBRARY")
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "^[a-z].*\\.cpp$")
  foreach(source IN LISTS sources)
    get_source_file_property(options ${source} COMPILE_OPTIONS)
    if(options)
      list(REMOVE_ITEM sources ${source})
    endif()
  endforeach()
  execute_process(COMMAND "${QUARRY_PYTHON}" -B tools/check/grouping.py "${QUARRY_UNITE}" ${sources}
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
  string(STRIP "${lines}" lines)
  string(REPLACE "\n" ";" lines "${lines}")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^([0-9]+) (.+)$" matched "${line}")
    set_source_files_properties("${CMAKE_MATCH_2}" PROPERTIES UNITY_GROUP "${target}_${CMAKE_MATCH_1}")
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP
    CXX_COMPILER_LAUNCHER "env;LD=${CMAKE_LINKER};${PROJECT_SOURCE_DIR}/tools/compile_united;${CMAKE_CXX_COMPILER_LAUNCHER}")
endfunction()
