# Installs the client library to a temporary prefix and builds and runs the
# example against it, as a stranger would.
#
# Called with -D BUILD_DIR (of this project), EXAMPLE_DIR, WORK_DIR,
# GENERATOR, CXX and CXX_FLAGS.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nended with ${code}:\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
set(prefix ${WORK_DIR}/prefix)
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --component client-dev --prefix ${prefix})

# What is public is exactly this.
file(GLOB headers RELATIVE ${prefix}/include/conntrack-client/conntrack
     ${prefix}/include/conntrack-client/conntrack/*.h)
set(expected channel.h ingest.h status.h verdict.h watch.h)
if(NOT headers STREQUAL expected)
  message(FATAL_ERROR "installed headers are ${headers}, not ${expected}")
endif()

run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${EXAMPLE_DIR} -B ${WORK_DIR}/build
    -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_CXX_FLAGS=${CXX_FLAGS} -DCMAKE_BUILD_TYPE=Debug)
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)

# Without a server it says so.
execute_process(COMMAND ${WORK_DIR}/build/handshake nowhere RESULT_VARIABLE code
                ERROR_VARIABLE complaint)
if(NOT code EQUAL 1 OR NOT complaint MATCHES "server \"nowhere\" is not HOST:PORT")
  message(FATAL_ERROR "the example ended with ${code}: ${complaint}")
endif()
file(REMOVE_RECURSE ${WORK_DIR})
