# Installs the library of BUILD, then builds the module as a project of its own against it.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(REMOVE_RECURSE ${SCRATCH})
file(MAKE_DIRECTORY ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/library)
file(REMOVE_RECURSE ${SCRATCH}/library/${PYTHON_DIR} ${SCRATCH}/library/share/gnuradio)
run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${SCRATCH}/build -DCMAKE_PREFIX_PATH=${SCRATCH}/library -DCMAKE_CXX_COMPILER=${CXX}
    -DCMAKE_INSTALL_PREFIX=${SCRATCH}/prefix)
run(${CMAKE_COMMAND} --build ${SCRATCH}/build -j 1)
run(${CMAKE_COMMAND} --install ${SCRATCH}/build)
seen_from(${SCRATCH}/prefix)
