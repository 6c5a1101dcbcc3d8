/* Advice to the kernel about memory. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/* These octets are a large table that is looked up at random: may its pages be huge ones (transparent huge pages), for else
   each look-up waits for the page tables first. Costs up to 2 MiB more where it is not full. Nothing else changes, whatever
   the kernel makes of it. */
void pages_are_for_look_ups(void *at, size_t octets);

#endif
