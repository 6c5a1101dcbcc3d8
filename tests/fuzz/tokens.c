/*
 * Files with secrets: tokens of a listener for HTTP, a line each, and passwords, the first line. The first part of the input, up
 * to a NUL, is the file with tokens, the rest the value of a header; all of it is the file with a password. Only whole lines of
 * the former let in, and the latter's first line is sent as it is, or not at all.
 */
#include "daemon/web_secrets.h"
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct str file;

enum secret_state __wrap_safe_read(
	struct safe *, struct secret *out, const char *path, const struct secret_rule *, struct err *);

enum secret_state __wrap_safe_read(
	struct safe *safe, struct secret *out, const char *path, const struct secret_rule *rule, struct err *err)
{
	const struct secret read = { .at = (char *)(uintptr_t)file.at, .len = file.len };
	(void)safe, (void)path, (void)rule;
	return secret_copy(out, &read) ? SECRET_READ : (err_set(err, "memory"), SECRET_BAD);
}

/* By the simplest reading: is it a line of the file? */
static bool is_line(struct str word)
{
	struct str rest = file;
	while (rest.at) {
		struct str line = str_cut(&rest, '\n');
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		if (str_eq(line, word) && word.len && word.at[0] != '#')
			return true;
	}
	return false;
}

/* By way of a file that has no name but that of its descriptor. */
static void try_password(const uint8_t *data, size_t size)
{
	char path[32], password[64];
	struct err err = { "" };
	int fd = memfd_create("password", MFD_CLOEXEC);
	fuzz_require(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, size) == (ssize_t)size, "a file");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct str rest = { (const char *)data, size }, line = str_cut(&rest, '\n');
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	bool fits = line.len < sizeof(password) && str_find(line, '\0') == line.len && size <= SECRET_MAX;
	bool good = secret_line(password, sizeof(password), path, &err) == SECRET_READ;
	fuzz_require(good == fits, "what can be sent is");
	fuzz_require(!good || str_eq(str_of(password), line), "as it stands there");
	fuzz_require(good || strncmp(err.text, path, strlen(path)) == 0, "what is wrong has its path");
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hash_key key = { 1, 2 };
	const struct http_conf conf = { .token_file = "/t" };
	struct octets in = OCTETS(data, size);
	struct web_secrets secrets;
	struct err err = { "" };
	file = fuzz_text(&in, '\0');
	struct str header = fuzz_take(&in, size), scheme = STR("Bearer "),
		   token = str_trim(str_from(header, scheme.len));
	bool good = web_secrets_read(&secrets, NULL, &conf, 0, &key, &err) == SECRET_READ;
	fuzz_require(good || strncmp(err.text, "/t: ", 4) == 0, "what is wrong has its path");
	fuzz_require(good || strlen(err.text) < 90, "and no token in it");
	fuzz_require(secrets.wants_token && secrets.n_tokens <= WEB_TOKENS_MAX, "a token is wanted");
	bool said = header.len >= scheme.len && str_eq_nocase((struct str){ header.at, scheme.len }, scheme);
	fuzz_require(web_secrets_admit(&secrets, header, &key) == (good && said && is_line(token)), "a line lets in");
	web_secrets_forget_tls(&secrets);
	try_password(data, size);
	return 0;
}
