/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that nobody here calls; forced into every translation unit by the Makefile (-include), after the system headers that declare them. */
#ifndef KTSTR_BASE_BANNED_H
#define KTSTR_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat strncpy sprintf vsprintf strtok atoi atol atoll

#endif
