/* poison.h - functions nobody here calls, because they cannot tell where a buffer or a number ends.
 *
 * Forced into every file of host/ by the build, after the system headers that name them.
 */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With _FORTIFY_SOURCE some of them are macros. */
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef atol
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol

#endif
