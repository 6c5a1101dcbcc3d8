/*
 * replay PATH...: runs a fuzz target over the files named, or over all files of a folder; so the corpora are tests with
 * any compiler. A folder without a file is an error: nothing was tested.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* To memory of just this size, so that a sanitizer sees an octet read too many. */
static bool replay_file(const char *path)
{
	struct stat st;
	FILE *f = fopen(path, "rb");
	if (!f || fstat(fileno(f), &st) != 0) {
		perror(path);
		return false;
	}
	size_t size = (size_t)st.st_size;
	uint8_t *data = malloc(size ? size : 1);
	bool whole = data && fread(data, 1, size, f) == size;
	if (whole)
		LLVMFuzzerTestOneInput(data, size);
	free(data);
	fclose(f);
	return whole;
}

static bool replay_folder(const char *folder, DIR *dir)
{
	char path[4096];
	size_t n = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		int len = snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (len < 0 || (size_t)len >= sizeof(path) || !replay_file(path))
			return false;
		n++;
	}
	printf("%s: %zu inputs\n", folder, n);
	return n > 0;
}

int main(int argc, char **argv)
{
	bool well = argc > 1;
	for (int i = 1; i < argc && well; i++) {
		DIR *dir = opendir(argv[i]);
		well = dir ? replay_folder(argv[i], dir) : replay_file(argv[i]);
		if (dir)
			closedir(dir);
	}
	return well ? 0 : 1;
}
