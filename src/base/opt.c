#include "base/opt.h"

bool opt_check_path(struct str value, struct err *err)
{
	return (value.len > 1 && value.at[0] == '/') || err_set(err, "expected an absolute path");
}
