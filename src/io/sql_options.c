#include "io/sql_options.h"

#include "io/sql.h"

const char *const sql_unit_names[] = { "preset", "octets", "k", "m", NULL };

bool sql_options_check_password_file(struct str path, struct err *err)
{
	char name[4096];
	if (path.len == 0 || path.at[0] != '/' || !str_copy_z(name, sizeof(name), path))
		return err_set(err, "expected an absolute path");
	return sql_password_check(name, err);
}

uint64_t sql_options_unit(const struct sql_options *o, const struct sql_preset *preset)
{
	switch ((enum sql_unit)o->unit) {
	case SQL_UNIT_OCTETS: return 1;
	case SQL_UNIT_K: return UINT64_C(1) << 10;
	case SQL_UNIT_M: return UINT64_C(1) << 20;
	case SQL_UNIT_PRESET: break;
	}
	return preset->unit;
}
