# Writes commit.h with the commit of the source tree, if that is known and has changed.
#   cmake -DSOURCE=... -DOUTPUT=.../commit.h -P commit.cmake
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "unknown")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define HEADRACE_COMMIT \"${commit}\"\n")
