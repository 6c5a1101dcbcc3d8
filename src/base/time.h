/* Milliseconds of a clock that never goes back. Read once per turn of the loop and handed down, never stored as "now". */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdint.h>

typedef int64_t msec;

#define MSEC_NEVER INT64_MAX
#define SECONDS(n) ((msec)(n)*1000)

#endif
