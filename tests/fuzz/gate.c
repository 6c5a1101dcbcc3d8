/* Octets choose what happens to a gate; the model of its ledger must agree (tests/model.h). */
#include "../model.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *broken = model_run(data, size);
	fuzz_require(!broken, broken);
	return 0;
}
