/*
 * For the tests that work with real processes: waiting for what must come, with a deadline instead of sleeps, and
 * looking at a process through /proc. Nothing here asserts on how long anything takes.
 */
#ifndef TESTS_PROCESS_H
#define TESTS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <uv.h>

#define WAIT_SECONDS 25 /* less than meson gives a test */

static inline double process_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void process_on_tick(uv_timer_t *t)
{
	(void)t;
}

/* Turns the loop until `done` says so; false when it does not for WAIT_SECONDS. */
static inline bool process_run(uv_loop_t *loop, bool (*done)(void *), void *arg)
{
	uv_timer_t tick;
	double until = process_clock() + WAIT_SECONDS;
	uv_timer_init(loop, &tick);
	uv_timer_start(&tick, process_on_tick, 10, 10);
	while (!done(arg) && process_clock() < until)
		uv_run(loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
	return done(arg);
}

/* The value of `key` in /proc/PID/status as text, empty when there is no such process. */
static inline const char *process_status(pid_t pid, const char *key)
{
	static char line[1024];
	char path[64];
	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	FILE *f = fopen(path, "re");
	size_t n = strlen(key);
	bool found = false;
	while (f && !found && fgets(line, sizeof(line), f))
		found = strncmp(line, key, n) == 0 && line[n] == ':';
	if (f)
		fclose(f);
	if (!found)
		return "";
	line[strcspn(line, "\n")] = '\0';
	return line + n + 1 + strspn(line + n + 1, " \t");
}

static inline bool process_gone(pid_t pid)
{
	const char *state = process_status(pid, "State");
	return state[0] == '\0' || state[0] == 'Z' || state[0] == 'X';
}

/* Waits for the end of a process that need not be ours. */
static inline bool process_await_end(pid_t pid)
{
	double until = process_clock() + WAIT_SECONDS;
	while (!process_gone(pid) && process_clock() < until)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	return process_gone(pid);
}

#endif
