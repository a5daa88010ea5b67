#pragma once

// Marks the names that libfaasnap exports; everything else is hidden.
#define FAASNAP_EXPORT __attribute__((visibility("default")))
