// SPDX-License-Identifier: Apache-2.0

#include "boot/aml.h"

#include <catch2/catch_test_macros.hpp>
#include <initializer_list>

namespace faasnap::boot::aml {
namespace {

Term bytes(std::initializer_list<int> values) {
  Term term;
  for (const int value : values) {
    term.push_back(static_cast<std::byte>(value));
  }
  return term;
}

TEST_CASE("a package length counts itself and takes as few bytes as it can") {
  CHECK(package_length(0) == bytes({0x01}));
  CHECK(package_length(62) == bytes({0x3f}));
  CHECK(package_length(63) == bytes({0x41, 0x04}));          // 65
  CHECK(package_length(4093) == bytes({0x4f, 0xff}));        // 4095
  CHECK(package_length(4094) == bytes({0x81, 0x00, 0x01}));  // 4097
  CHECK(package_length((1u << 20) - 4) == bytes({0x8f, 0xff, 0xff}));
  CHECK(package_length((1u << 20) - 3) == bytes({0xc1, 0x00, 0x00, 0x01}));
  CHECK(package_length(kLengthLimit - 4) == bytes({0xcf, 0xff, 0xff, 0xff}));
  CHECK_THROWS(package_length(kLengthLimit - 3));
  CHECK_THROWS(package_length(~0ULL));
}

TEST_CASE("an integer takes the smallest encoding") {
  CHECK(integer(0) == bytes({0x00}));
  CHECK(integer(1) == bytes({0x01}));
  CHECK(integer(2) == bytes({0x0a, 0x02}));
  CHECK(integer(0x100) == bytes({0x0b, 0x00, 0x01}));
  CHECK(integer(0xd0000000) == bytes({0x0c, 0x00, 0x00, 0x00, 0xd0}));
  CHECK(integer(1ULL << 32) == bytes({0x0e, 0, 0, 0, 0, 1, 0, 0, 0}));
}

TEST_CASE("names have a prefix for their number of segments") {
  CHECK(name_string("_HID") == bytes({'_', 'H', 'I', 'D'}));
  CHECK(name_string("\\_SB_.VGEN") == bytes({'\\', 0x2e, '_', 'S', 'B', '_', 'V', 'G', 'E', 'N'}));
  CHECK(name_string("AAAA.BBBB.CCCC").front() == std::byte{0x2f});
}

TEST_CASE("a device holds its name and its objects") {
  CHECK(device("COM1", {name("_UID", integer(0))}) ==
        bytes({0x5b, 0x82, 0x0b, 'C', 'O', 'M', '1', 0x08, '_', 'U', 'I', 'D', 0x00}));
}

TEST_CASE("a resource template is a buffer that ends in the end tag") {
  CHECK(resource_template({edge_interrupt(5)}) ==
        bytes({0x11, 0x0e, 0x0a, 0x0b, 0x89, 0x06, 0x00, 0x03, 0x01, 5, 0, 0, 0, 0x79, 0x00}));
}

TEST_CASE("an event method notifies when its argument matches") {
  CHECK(method("_EVT", 1, if_argument_equals(0, 13, notify("VGEN", 0x80))) ==
        bytes({0x14, 0x13, '_', 'E',  'V', 'T', 0x01, 0xa0, 0x0c, 0x93,
               0x68, 0x0a, 13,  0x86, 'V', 'G', 'E',  'N',  0x0a, 0x80}));
}

}  // namespace
}  // namespace faasnap::boot::aml
