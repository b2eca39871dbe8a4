// SPDX-License-Identifier: Apache-2.0
// ASSERT: a broken invariant of this program, on in every build. Never for input from outside.
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

// Supplied by the place we run (port/<place>); must not return.
_Noreturn void assert_failed(const char *file, int line);

#define ASSERT(condition) ((condition) ? (void)0 : assert_failed(__FILE__, __LINE__))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
