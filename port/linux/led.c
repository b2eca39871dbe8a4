// SPDX-License-Identifier: Apache-2.0
#include "port/linux/led.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_SIZE = 4096 };

static int open_file(const struct led *led, const char *file, int flags)
{
    char path[LED_PATH_SIZE + 16];
    snprintf(path, sizeof(path), "%s/%s", led->folder, file);
    return open(path, flags | O_CLOEXEC);
}

static bool read_file(const struct led *led, const char *file, char *out, size_t capacity)
{
    int fd = open_file(led, file, O_RDONLY);
    ssize_t size = fd < 0 ? -1 : read(fd, out, capacity - 1);
    if (fd >= 0) {
        close(fd);
    }
    out[size > 0 ? size : 0] = '\0';
    return size > 0;
}

static enum err write_file(const struct led *led, const char *file, const char *text)
{
    int fd = open_file(led, file, O_WRONLY);
    if (fd < 0) {
        return ERR_IO;
    }
    size_t size = strlen(text);
    ssize_t wrote = write(fd, text, size);
    close(fd);
    return wrote == (ssize_t)size ? OK : ERR_IO;
}

// The kernel puts the one that is chosen into brackets.
static void read_trigger(struct led *led)
{
    char text[TEXT_SIZE];
    led->trigger[0] = '\0';
    if (!read_file(led, "trigger", text, sizeof(text))) {
        return;
    }
    const char *begin = strchr(text, '[');
    const char *end = begin == NULL ? NULL : strchr(begin, ']');
    if (end != NULL && (size_t)(end - begin) < sizeof(led->trigger)) {
        snprintf(led->trigger, sizeof(led->trigger), "%.*s", (int)(end - begin - 1), begin + 1);
    }
}

enum err led_open(struct led *led, const char *name)
{
    char text[32];
    int size = snprintf(led->folder, sizeof(led->folder), "%s%s",
                        name[0] == '/' ? "" : "/sys/class/leds/", name);
    if (size < 0 || (size_t)size >= sizeof(led->folder)) {
        return ERR_SIZE;
    }
    read_trigger(led);
    led->brightness_max = 1;
    if (read_file(led, "max_brightness", text, sizeof(text))) {
        unsigned long most = strtoul(text, NULL, 10);
        led->brightness_max = most > 0 && most < 65536 ? (unsigned)most : 1;
    }
    int fd = open_file(led, "brightness", O_WRONLY);
    if (fd < 0) {
        return ERR_NOT_FOUND;
    }
    close(fd);
    if (led->trigger[0] != '\0') {
        (void)write_file(led, "trigger", "none");
    }
    return OK;
}

enum err led_set(struct led *led, bool is_on)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", is_on ? led->brightness_max : 0);
    return write_file(led, "brightness", text);
}

void led_close(struct led *led)
{
    enum err err = led_set(led, false);
    if (led->trigger[0] != '\0') {
        (void)write_file(led, "trigger", led->trigger);
    }
    (void)err; // a light that went away needs nothing any more
}
