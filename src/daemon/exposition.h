/*
 * A text in Prometheus' exposition format 0.0.4: families with help and type, each followed by its samples.
 * https://github.com/prometheus/docs/blob/main/content/docs/instrumenting/exposition_formats.md
 *
 * It grows as it is written; when memory fails, what follows is dropped and `failed` stays set, so a writer checks once at
 * the end.
 */
#ifndef DAEMON_EXPOSITION_H
#define DAEMON_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct histogram;

#define EXPOSITION_NAME_MAX 95

struct exposition {
	char *at; /* the owner frees it */
	size_t len, cap; /* octets */
	bool failed;
	char family[EXPOSITION_NAME_MAX + 1]; /* whose samples follow */
};

/* Labels end with one whose key is null. A value may be any text; what is no UTF-8 in it becomes '?'. */
struct label {
	const char *key, *value;
};

#define LABELS(...) ((const struct label[]){ __VA_ARGS__, { NULL, NULL } })
#define NO_LABELS ((const struct label[]){ { NULL, NULL } })

/* Begins a family; `type` is counter, gauge or histogram. The name has at most EXPOSITION_NAME_MAX octets. */
void exposition_family(struct exposition *, const char *name, const char *type, const char *help);

/* A sample of it. */
void exposition_count(struct exposition *, const struct label *, uint64_t value);

/* All samples of one histogram: its steps, in seconds, its sum and its count. At most two labels. */
void exposition_histogram(struct exposition *, const struct label *, const struct histogram *);

void exposition_end(struct exposition *); /* the line "# EOF" */

#endif
