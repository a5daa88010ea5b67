// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <faasnap/units.h>

#include "base/bytes.h"

namespace faasnap::worker {

// Bodies of messages. A type has one function
//
//   template <typename Wire> void fields(Wire& wire, Type& value) { wire(value.a, value.b); }
//
// found by argument-dependent lookup or in worker/protocol.h, which both writes and reads it, so
// that the two ends cannot disagree.

// Longest string of a message.
inline constexpr std::size_t kMaximumText = 256 << 10;

template <typename Value, typename Wire>
concept HasFields = requires(Wire& wire, Value& value) {
  fields(wire, value);
};

template <typename Value>
concept Enumeration = std::is_enum_v<Value>;

// The last value of an enumeration (worker/protocol.h).
template <Enumeration Value>
inline constexpr Value kLastOf = Value{};

class WireWriter {
 public:
  template <typename... Values>
  void operator()(const Values&... values) {
    (write(values), ...);
  }
  std::vector<std::byte> take() noexcept { return bytes_.take(); }

 private:
  void write(bool value) { bytes_.put(static_cast<std::uint8_t>(value)); }
  template <std::unsigned_integral Integer>
  requires(!std::same_as<Integer, bool>) void write(Integer value) { bytes_.put(value); }
  template <std::signed_integral Integer>
  void write(Integer value) {
    bytes_.put(static_cast<std::make_unsigned_t<Integer>>(value));
  }
  template <Enumeration Value>
  void write(Value value) {
    bytes_.put(static_cast<std::uint8_t>(value));
  }
  void write(const Nanoseconds& value) { write(std::int64_t{value.count()}); }
  void write(const std::string& value) { bytes_.put_string(value); }
  void write(const std::filesystem::path& value) { bytes_.put_string(value.native()); }
  void write(const std::vector<std::byte>& value) { bytes_.put_blob(value); }
  template <typename Value>
  void write(const std::vector<Value>& values) {
    bytes_.put(static_cast<std::uint32_t>(values.size()));
    for (const Value& value : values) {
      write(value);
    }
  }
  template <typename Value>
  void write(const std::optional<Value>& value) {
    write(value.has_value());
    if (value) {
      write(*value);
    }
  }
  template <HasFields<WireWriter> Value>
  void write(const Value& value) {
    fields(*this, const_cast<Value&>(value));
  }

  base::ByteWriter bytes_;
};

// Throws ErrorKind::corrupt for whatever a WireWriter does not write.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> body) : bytes_(body, {}, "body of a message") {}

  template <typename... Values>
  void operator()(Values&... values) {
    (read(values), ...);
  }
  void finish() const { bytes_.finish(); }

 private:
  void read(bool& value) {
    const auto byte = bytes_.get<std::uint8_t>();
    if (byte > 1) {
      bytes_.reject("not a truth value");
    }
    value = byte == 1;
  }
  template <std::unsigned_integral Integer>
  requires(!std::same_as<Integer, bool>) void read(Integer& value) {
    value = bytes_.get<Integer>();
  }
  template <std::signed_integral Integer>
  void read(Integer& value) {
    value = static_cast<Integer>(bytes_.get<std::make_unsigned_t<Integer>>());
  }
  template <Enumeration Value>
  void read(Value& value) {
    const auto byte = bytes_.get<std::uint8_t>();
    if (byte > static_cast<std::uint8_t>(kLastOf<Value>)) {
      bytes_.reject("not a value of its enumeration");
    }
    value = static_cast<Value>(byte);
  }
  void read(Nanoseconds& value) {
    std::int64_t count = 0;
    read(count);
    value = Nanoseconds(count);
  }
  void read(std::string& value) { value = bytes_.get_string(kMaximumText); }
  void read(std::filesystem::path& value) { value = bytes_.get_string(kMaximumText); }
  void read(std::vector<std::byte>& value) {
    const auto blob = bytes_.get_blob(bytes_.remaining());
    value.assign(blob.begin(), blob.end());
  }
  template <typename Value>
  void read(std::vector<Value>& values) {
    // Each value takes a byte or more, so that a false number takes no memory.
    const auto count = bytes_.get_count(static_cast<std::uint32_t>(bytes_.remaining()), "values");
    values.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      read(values.emplace_back());
    }
  }
  template <typename Value>
  void read(std::optional<Value>& value) {
    bool there = false;
    read(there);
    value.reset();
    if (there) {
      read(value.emplace());
    }
  }
  template <HasFields<WireReader> Value>
  void read(Value& value) {
    fields(*this, value);
  }

  base::ByteReader bytes_;
};

// Returns the body of a message.
template <typename... Values>
std::vector<std::byte> encode(const Values&... values) {
  WireWriter writer;
  writer(values...);
  return writer.take();
}

// Reads a body that has these values and nothing else. Throws ErrorKind::corrupt.
template <typename... Values>
void decode(std::span<const std::byte> body, Values&... values) {
  WireReader reader(body);
  reader(values...);
  reader.finish();
}

}  // namespace faasnap::worker
