// SPDX-License-Identifier: Apache-2.0
// For the leak sanitizer: Unicorn 2.0.1 does not give back a few bitmaps of its own at its end.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libunicorn\n";
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
