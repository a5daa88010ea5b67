// SPDX-License-Identifier: Apache-2.0

// RapidJSON as this program uses it: without exceptions, and parsing without recursion.

#ifndef FAASNAP_INIT_RAPIDJSON_H_
#define FAASNAP_INIT_RAPIDJSON_H_

// Its stack counts from a null pointer while it is empty, which the sanitizer for undefined
// behaviour takes for a fault.
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#ifdef __clang__
#pragma clang attribute pop
#endif

namespace faasnap::init {

inline constexpr unsigned kJsonFlags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_RAPIDJSON_H_
