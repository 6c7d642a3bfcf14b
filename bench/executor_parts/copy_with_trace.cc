#define COPY headrace_copy_with_trace
#define MAKE_STEP make_step_with_trace
#include "bench/executor_parts/copy.inc"
