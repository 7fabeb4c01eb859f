/* package_owner.h - the packages that files belong to.
 *
 * Asks dpkg-query, and rpm for what that does not know; one process each,
 * whatever the number of files, and no shell.  For people who look, never on
 * the way of an event.
 *
 * Owns:    nothing; names are the caller's.
 * Threads: setup only.
 * Uses:    the programs dpkg-query and rpm, where there are any.
 */
#ifndef ADAPTERS_PACKAGE_OWNER_H
#define ADAPTERS_PACKAGE_OWNER_H

#include <stddef.h>

/* ret_packages[i]: the package of files[i], owned; NULL: none, or nobody can tell. */
void package_owners(const char *const *files, size_t n, char **ret_packages);

#endif
