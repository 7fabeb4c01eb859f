#include "base/page.h"

/* Made from host/engine/page.html by host/embed.cmake. */
#include "generated/page.inc"

const char page_policy[] = "default-src 'none'; script-src 'sha256-" PAGE_SCRIPT_HASH
			   "'; style-src 'sha256-" PAGE_STYLE_HASH "'; connect-src 'self'; "
			   "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const char page_policy_none[] = "default-src 'none'; frame-ancestors 'none'";

const struct page_header page_headers[PAGE_N_HEADERS] = {
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
};
