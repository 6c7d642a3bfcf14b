#define HEADRACE_BENCH_WITHOUT_TRACE
#define COPY headrace_copy_without_trace
#define MAKE_STEP make_step_without_trace
#include "bench/executor_parts/copy.inc"
