#include "daemon/settings.h"

#include "base/time.h"

static void put_list(struct buf *out, const struct opt_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		buf_puts(out, list->at[i]);
		buf_putc(out, '\0');
	}
}

void settings_put(struct buf *out, const struct opt *rows, const void *from)
{
	for (const struct opt *row = rows; row->name; row++) {
		const char *at = (const char *)from + row->offset;
		buf_puts(out, row->name);
		buf_putc(out, '\0');
		switch (row->type) {
		case OPT_BOOL: buf_put_u64(out, *(const bool *)at); break;
		case OPT_NUMBER:
		case OPT_OCTETS: buf_put_u64(out, *(const uint64_t *)(const void *)at); break;
		case OPT_DURATION: buf_put_u64(out, (uint64_t) * (const msec *)(const void *)at); break;
		case OPT_STRING: {
			const char *text = *(const char *const *)(const void *)at;
			buf_puts(out, text ? text : "");
			break;
		}
		case OPT_LIST: put_list(out, (const struct opt_list *)(const void *)at); break;
		case OPT_CHOICE: buf_put_u64(out, (uint64_t) * (const int *)(const void *)at); break;
		case OPT_MODE: buf_put_u64(out, *(const unsigned *)(const void *)at); break;
		case OPT_SECTION: settings_put(out, row->rows, at); break;
		}
		buf_putc(out, '\n');
	}
}
