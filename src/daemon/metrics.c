#include "daemon/metrics.h"

#include <stdio.h>

char *metrics_text(const struct engine *e, size_t *len)
{
	char *text;
	(void)e;
	int n = asprintf(&text, "# HELP quotagate_build_info What is running.\n"
				"# TYPE quotagate_build_info gauge\n"
				"quotagate_build_info{version=\"" VERSION "\"} 1\n"
				"# EOF\n");
	*len = n < 0 ? 0 : (size_t)n;
	return n < 0 ? NULL : text;
}
