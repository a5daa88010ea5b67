// SPDX-License-Identifier: Apache-2.0

// The little that the agent asks of JSON. All of it takes text of any depth: nothing recurses.

#ifndef FAASNAP_INIT_JSON_H_
#define FAASNAP_INIT_JSON_H_

#include <string>
#include <string_view>

namespace faasnap::init {

// Returns true if `text` is one JSON value, in UTF-8.
bool is_json(std::string_view text);

// Returns `text` as a JSON string. Bytes that are not UTF-8 become U+FFFD.
std::string json_quote(std::string_view text);

// Returns the member `name` of the object `text`, or empty text if there is none, it is not a
// string, or `text` is not an object.
std::string json_string_member(std::string_view text, std::string_view name);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_JSON_H_
