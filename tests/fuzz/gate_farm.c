/* Octets choose what happens to frontends and a backend; what they promise must be kept (tests/farm.h). */
#include "../farm.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *broken = farm_run(data, size);
	fuzz_require(!broken, broken);
	return 0;
}
