/* page.h - the status page, and the headers that every answer has.
 *
 * The page is host/engine/page.html, embedded by the build.  Here and not in
 * engine/, because the manager shows it, too, while no engine runs.
 *
 * Owns:    constants.
 * Threads: any.
 * Uses:    libc.
 */
#ifndef BASE_PAGE_H
#define BASE_PAGE_H

extern const char page_html[];
/* Its Content-Security-Policy: this script and this style by their hashes, requests to the host alone; and that of every
 * other answer. */
extern const char page_policy[], page_policy_none[];

#define PAGE_N_HEADERS 4
extern const struct page_header { const char *name, *value; } page_headers[PAGE_N_HEADERS];

#endif
