// SPDX-License-Identifier: Apache-2.0

#pragma once

// Marks the classes and functions that libfaasnap exports. Everything else is hidden.
#define FAASNAP_EXPORT __attribute__((visibility("default")))
