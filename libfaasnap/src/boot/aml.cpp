// SPDX-License-Identifier: Apache-2.0

#include "boot/aml.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"

namespace faasnap::boot::aml {
namespace {

constexpr std::uint8_t kZeroOp = 0x00;
constexpr std::uint8_t kOneOp = 0x01;
constexpr std::uint8_t kNameOp = 0x08;
constexpr std::uint8_t kBytePrefix = 0x0a;
constexpr std::uint8_t kWordPrefix = 0x0b;
constexpr std::uint8_t kDWordPrefix = 0x0c;
constexpr std::uint8_t kStringPrefix = 0x0d;
constexpr std::uint8_t kQWordPrefix = 0x0e;
constexpr std::uint8_t kScopeOp = 0x10;
constexpr std::uint8_t kBufferOp = 0x11;
constexpr std::uint8_t kPackageOp = 0x12;
constexpr std::uint8_t kMethodOp = 0x14;
constexpr std::uint8_t kDualNamePrefix = 0x2e;
constexpr std::uint8_t kMultiNamePrefix = 0x2f;
constexpr std::uint8_t kExtendedPrefix = 0x5b;
constexpr std::uint8_t kArgument0 = 0x68;
constexpr std::uint8_t kDeviceOp = 0x82;
constexpr std::uint8_t kNotifyOp = 0x86;
constexpr std::uint8_t kEqualOp = 0x93;
constexpr std::uint8_t kIfOp = 0xa0;

constexpr std::uint8_t kIoDescriptor = 0x47;
constexpr std::uint8_t kEndTag = 0x79;
constexpr std::uint8_t kMemory32FixedDescriptor = 0x86;
constexpr std::uint8_t kInterruptDescriptor = 0x89;

std::uint8_t low_byte(std::uint64_t value) { return static_cast<std::uint8_t>(value); }

void append(Term& term, const Term& more) { term.insert(term.end(), more.begin(), more.end()); }

Term join(Terms terms) {
  Term joined;
  for (const Term& term : terms) {
    append(joined, term);
  }
  return joined;
}

Term bytes(std::initializer_list<std::uint8_t> values) {
  Term term;
  for (const std::uint8_t value : values) {
    term.push_back(std::byte{value});
  }
  return term;
}

// Returns the operator, the length of all that follows, and the body.
Term with_length(const Term& op, const Term& body) {
  Term term = op;
  append(term, package_length(body.size()));
  append(term, body);
  return term;
}

Term named_with_length(const Term& op, std::string_view name, const Term& body) {
  Term inner = name_string(name);
  append(inner, body);
  return with_length(op, inner);
}

}  // namespace

Term package_length(std::uint64_t body_length) {
  if (body_length < 63) {
    return bytes({low_byte(body_length + 1)});
  }
  // The first byte holds the number of further bytes and the low four bits.
  for (std::uint32_t more = 1; more <= 3 && body_length <= kLengthLimit; ++more) {
    const std::uint64_t length = body_length + 1 + more;
    if (length < (1u << (4 + 8 * more))) {
      Term field = bytes({low_byte((more << 6) | (length & 0xf))});
      for (std::uint32_t i = 0; i < more; ++i) {
        field.push_back(std::byte{low_byte(length >> (4 + 8 * i))});
      }
      return field;
    }
  }
  base::fail(ErrorKind::invalid_argument, "encode ACPI tables", {},
             fmt::format("a term of {} bytes, expected at most {}", body_length, kLengthLimit));
}

Term integer(std::uint64_t value) {
  base::ByteWriter out;
  if (value <= 1) {
    return bytes({value == 0 ? kZeroOp : kOneOp});
  }
  if (value <= 0xff) {
    return bytes({kBytePrefix, low_byte(value)});
  }
  if (value <= 0xffff) {
    out.put(kWordPrefix);
    out.put(static_cast<std::uint16_t>(value));
  } else if (value <= 0xffffffff) {
    out.put(kDWordPrefix);
    out.put(static_cast<std::uint32_t>(value));
  } else {
    out.put(kQWordPrefix);
    out.put(value);
  }
  return out.take();
}

Term string(std::string_view text) {
  Term term = bytes({kStringPrefix});
  const auto raw = std::as_bytes(std::span(text));
  term.insert(term.end(), raw.begin(), raw.end());
  term.push_back(std::byte{0});
  return term;
}

Term buffer(std::span<const std::byte> data) {
  Term body = integer(data.size());
  body.insert(body.end(), data.begin(), data.end());
  return with_length(bytes({kBufferOp}), body);
}

Term package(std::initializer_list<Term> elements) {
  Term body = bytes({low_byte(elements.size())});
  append(body, join(elements));
  return with_length(bytes({kPackageOp}), body);
}

Term name_string(std::string_view name) {
  Term term;
  if (name.starts_with('\\')) {
    term.push_back(std::byte{'\\'});
    name.remove_prefix(1);
  }
  const auto segments = static_cast<std::size_t>(1 + std::ranges::count(name, '.'));
  if (segments == 2) {
    append(term, bytes({kDualNamePrefix}));
  } else if (segments > 2) {
    append(term, bytes({kMultiNamePrefix, low_byte(segments)}));
  }
  for (const char c : name) {
    if (c != '.') {
      term.push_back(static_cast<std::byte>(c));
    }
  }
  return term;
}

Term name(std::string_view name, const Term& object) {
  Term term = bytes({kNameOp});
  append(term, name_string(name));
  append(term, object);
  return term;
}

Term scope(std::string_view name, Terms body) {
  return named_with_length(bytes({kScopeOp}), name, join(body));
}

Term device(std::string_view name, std::initializer_list<Term> body) {
  return named_with_length(bytes({kExtendedPrefix, kDeviceOp}), name, join(body));
}

Term method(std::string_view name, unsigned argument_count, const Term& body) {
  Term inner = bytes({low_byte(argument_count)});
  append(inner, body);
  return named_with_length(bytes({kMethodOp}), name, inner);
}

Term if_argument_equals(unsigned argument, std::uint64_t value, const Term& body) {
  Term inner = bytes({kEqualOp, low_byte(kArgument0 + argument)});
  append(inner, integer(value));
  append(inner, body);
  return with_length(bytes({kIfOp}), inner);
}

Term notify(std::string_view object, std::uint64_t value) {
  Term term = bytes({kNotifyOp});
  append(term, name_string(object));
  append(term, integer(value));
  return term;
}

Term memory32_fixed(std::uint32_t base, std::uint32_t length) {
  constexpr std::uint8_t kWritable = 1;
  base::ByteWriter out;
  out.put(kMemory32FixedDescriptor);
  out.put(std::uint16_t{9});
  out.put(kWritable);
  out.put(base);
  out.put(length);
  return out.take();
}

Term io_ports(std::uint16_t base, std::uint8_t count) {
  constexpr std::uint8_t kDecode16 = 1;
  base::ByteWriter out;
  out.put(kIoDescriptor);
  out.put(kDecode16);
  out.put(base);
  out.put(base);
  out.put(std::uint8_t{1});  // alignment
  out.put(count);
  return out.take();
}

Term edge_interrupt(std::uint32_t gsi) {
  constexpr std::uint8_t kConsumerEdge = 0x3;
  base::ByteWriter out;
  out.put(kInterruptDescriptor);
  out.put(std::uint16_t{6});
  out.put(kConsumerEdge);
  out.put(std::uint8_t{1});  // interrupts that follow
  out.put(gsi);
  return out.take();
}

Term resource_template(std::initializer_list<Term> descriptors) {
  Term data = join(descriptors);
  append(data, bytes({kEndTag, 0}));
  return buffer(data);
}

}  // namespace faasnap::boot::aml
