#include "core/facts.h"

const char *facts_source_name(enum facts_source source)
{
	switch (source) {
	case SOURCE_NONE: return "none";
	case SOURCE_MAILDIRSIZE: return "maildirsize";
	case SOURCE_RECOUNT: return "recount";
	case SOURCE_REMEMBERED: return "remembered-recount";
	case SOURCE_STAT: return "stat";
	case SOURCE_PEER: return "peer";
	case SOURCE_SERVER: return "server";
	case SOURCE_DATABASE: return "database";
	case SOURCE_VERDICT: return "verdict";
	}
	return "none";
}
