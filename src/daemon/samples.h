/*
 * Reads a text in Prometheus' exposition format, as daemon/metrics.h makes it: names, labels and values. Comments, and with
 * them help and types, are passed over. Nothing is copied but the list of samples.
 */
#ifndef DAEMON_SAMPLES_H
#define DAEMON_SAMPLES_H

#include "base/err.h"
#include "base/str.h"

struct sample {
	struct str name;
	struct str labels; /* what stands between the braces, as it is written; empty: nothing */
	double value;
};

struct samples {
	struct sample *at;
	size_t n;
};

/* Slices look into the text. False with the reason: a line is malformed, the line "# EOF" is missing, or no memory. */
bool samples_read(struct samples *, struct str text, struct err *);
void samples_free(struct samples *);

/* The sum of the samples of this name whose labels begin with `first`, whole labels only, and hold `label` as well, which
   is written as `action="pass"` (null: any). Not a number when there is none. */
double samples_sum(const struct samples *, const char *name, struct str first, const char *label);

/* The value of a label, NUL-terminated and cut to fit; empty when there is none. */
void sample_label(const struct sample *, const char *key, char *out, size_t cap);

#endif
