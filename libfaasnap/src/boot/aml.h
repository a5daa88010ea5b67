// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace faasnap::boot::aml {

// A term of the ACPI machine language, as bytes (ACPI 6.4, chapter 20). Terms are made from the
// inside out: each function encodes one term from the terms that it contains.
using Term = std::vector<std::byte>;
using Terms = std::span<const Term>;

// Maximum length of a term with a length field, including the field.
inline constexpr std::uint32_t kLengthLimit = (1u << 28) - 1;

// Returns the length field of a term with `body_length` bytes after it; the field counts itself.
// Throws ErrorKind::invalid_argument beyond kLengthLimit.
Term package_length(std::uint64_t body_length);

Term integer(std::uint64_t value);
// `text` is ASCII.
Term string(std::string_view text);
Term buffer(std::span<const std::byte> data);
Term package(std::initializer_list<Term> elements);
// A name is a segment of four characters, or several segments joined by dots; a backslash in front
// means the root: "_HID", "\\_SB_.VGEN".
Term name_string(std::string_view name);

Term name(std::string_view name, const Term& object);
Term scope(std::string_view name, Terms body);
Term device(std::string_view name, std::initializer_list<Term> body);
Term method(std::string_view name, unsigned argument_count, const Term& body);
// If (ArgN == value) { body }
Term if_argument_equals(unsigned argument, std::uint64_t value, const Term& body);
Term notify(std::string_view object, std::uint64_t value);

// Resource descriptors (ACPI 6.4, section 6.4), for a resource template.
Term memory32_fixed(std::uint32_t base, std::uint32_t length);
Term io_ports(std::uint16_t base, std::uint8_t count);
// Edge-triggered, active-high, exclusive.
Term edge_interrupt(std::uint32_t gsi);
// Returns a buffer with the descriptors and the end tag.
Term resource_template(std::initializer_list<Term> descriptors);

}  // namespace faasnap::boot::aml
