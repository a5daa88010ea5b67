// SPDX-License-Identifier: Apache-2.0

// Text: formatting, parsing, messages. The program has no exceptions and no streams, so that it is
// small and an invocation touches few of its pages.

#ifndef FAASNAP_INIT_TEXT_H_
#define FAASNAP_INIT_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace faasnap::init {

// Returns what printf would print.
[[gnu::format(printf, 1, 2)]] std::string format(const char* form, ...);

// Prints one line, "agent: ...", on the console.
[[gnu::format(printf, 1, 2)]] void say(const char* form, ...);

// Prints the reason where it is seen last, and ends the program with status 1; in a guest the
// kernel then panics, which the VMM reports.
[[noreturn, gnu::format(printf, 1, 2)]] void die(const char* form, ...);

// Returns the part before the first `separator` and the part after it; the second is empty if there
// is no separator.
std::pair<std::string_view, std::string_view> split(std::string_view text, char separator);

// Returns the next word of `text`, which is separated by white space, and removes it from `text`.
std::string_view take_word(std::string_view& text);

std::string lower_case(std::string_view text);

// Returns the number if `text` is nothing but decimal digits that fit.
std::optional<std::uint64_t> parse_number(std::string_view text);

// Returns the bytes if `text` is pairs of hexadecimal digits.
std::optional<std::string> parse_hex(std::string_view text);

std::string hex(std::string_view bytes);
std::string base64(std::string_view bytes);
// Returns the bytes if `text` is base64 with its padding (RFC 4648, section 4).
std::optional<std::string> parse_base64(std::string_view text);

// Returns the file's content, or nothing if it cannot be read or has more than `most` bytes.
std::optional<std::string> read_file(const char* path, std::size_t most);

// Writes a file that exists. Returns false, with errno, if that fails.
bool write_file(const char* path, std::string_view content);

// Returns `count` bytes of the kernel's random numbers.
std::string random_bytes(std::size_t count);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_TEXT_H_
