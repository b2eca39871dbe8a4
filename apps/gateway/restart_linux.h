// SPDX-License-Identifier: Apache-2.0
// The process begins anew in place: the same process id, the same arguments, the program as it lies
// on disk now. Whoever asks for it has closed cleanly before; nothing is checked here.
#ifndef GATEWAY_RESTART_LINUX_H
#define GATEWAY_RESTART_LINUX_H

#include "base/err.h"

// First thing in main: keeps the arguments (borrowed), where the program lies, and the signal mask.
void restart_remember(char **argv);
// Does not return if it works: every descriptor beyond stderr closes, the signal mask is what it
// was. ERR_IO: the reason has been logged. ERR_STATE: nothing was remembered.
NODISCARD enum err restart_now(void);

#endif
