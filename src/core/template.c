#include "core/template.h"

/* One step through a template: a piece of plain text, or a variable with the octets to take of it. */
struct piece {
	struct str text; /* plain text, when var is 0 */
	enum template_var var;
	size_t octets; /* 0: all of the value */
};

static enum template_var variable_of(char c)
{
	switch (c) {
	case 'u': return TEMPLATE_ADDRESS;
	case 'n': return TEMPLATE_LOCAL;
	case 'd': return TEMPLATE_DOMAIN;
	case 'h': return TEMPLATE_HOME;
	default: return 0;
	}
}

/* Takes the variable behind a percent sign off *rest. Null, or what is wrong with it. */
static const char *take_variable(struct str *rest, struct piece *p)
{
	size_t digits = 0;
	uint64_t octets = 0;
	while (digits < rest->len && rest->at[digits] >= '0' && rest->at[digits] <= '9')
		digits++;
	if (digits) {
		str_u64((struct str){ rest->at, digits }, &octets);
		if (octets < 1 || octets > 255)
			return "the number behind a percent sign must be 1 to 255";
		*rest = str_from(*rest, digits);
	}
	if (str_starts(*rest, STR("{host}"))) {
		p->var = TEMPLATE_HOST;
		*rest = str_from(*rest, 6);
	} else {
		p->var = rest->len ? variable_of(rest->at[0]) : 0;
		*rest = str_from(*rest, 1);
	}
	p->octets = octets;
	if (p->var == 0)
		return "a percent sign must be followed by u, n, d, h, {host} or a second percent sign";
	if (digits && (p->var == TEMPLATE_HOME || p->var == TEMPLATE_HOST))
		return "a number goes with %u, %n and %d only";
	return NULL;
}

/* Takes the next piece off *rest, which is not empty. Null, or what is wrong with it. */
static const char *take_piece(struct str *rest, struct piece *p)
{
	size_t plain = str_find(*rest, '%');
	*p = (struct piece){ .text = { rest->at, plain } };
	if (plain > 0) {
		*rest = str_from(*rest, plain);
		return NULL;
	}
	*rest = str_from(*rest, 1);
	if (str_starts(*rest, STR("%"))) {
		p->text = (struct str){ rest->at, 1 };
		*rest = str_from(*rest, 1);
		return NULL;
	}
	return take_variable(rest, p);
}

static const char *variable_name(enum template_var var)
{
	switch (var) {
	case TEMPLATE_ADDRESS: return "%u";
	case TEMPLATE_LOCAL: return "%n";
	case TEMPLATE_DOMAIN: return "%d";
	case TEMPLATE_HOME: return "%h";
	case TEMPLATE_HOST: return "%{host}";
	}
	return "";
}

int template_vars(struct str template, int allowed, struct err *err)
{
	int vars = 0;
	for (struct str rest = template; rest.len;) {
		struct piece p;
		const char *wrong = take_piece(&rest, &p);
		if (wrong) {
			err_set(err, "%s", wrong);
			return -1;
		}
		if (p.var & ~allowed) {
			err_set(err, "%s cannot be used here", variable_name(p.var));
			return -1;
		}
		vars |= (int)p.var;
	}
	return vars;
}

static struct str value_of(const struct mailbox *m, enum template_var var)
{
	switch (var) {
	case TEMPLATE_ADDRESS: return m->address;
	case TEMPLATE_LOCAL: return m->local;
	case TEMPLATE_DOMAIN: return m->domain;
	case TEMPLATE_HOME: return m->home;
	case TEMPLATE_HOST: return m->host;
	}
	return (struct str){ NULL, 0 };
}

bool template_expand(struct buf *out, struct str template, const struct mailbox *mailbox, template_put *put)
{
	for (struct str rest = template; rest.len;) {
		struct piece p;
		if (take_piece(&rest, &p))
			return false;
		if (p.var == 0) {
			buf_put(out, p.text);
			continue;
		}
		struct str value = value_of(mailbox, p.var);
		if (p.octets && value.len > p.octets)
			value.len = p.octets;
		if (!put(out, p.var, value))
			return false;
	}
	return !out->full;
}

bool template_put_path(struct buf *out, enum template_var var, struct str value)
{
	if (value.len == 0 || memchr(value.at, '\0', value.len))
		return false;
	if (var != TEMPLATE_HOME && (value.at[0] == '.' || memchr(value.at, '/', value.len)))
		return false;
	buf_put(out, value);
	return true;
}
