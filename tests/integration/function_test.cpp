// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

TEST_CASE("every function gives in a restored guest what it gives outside any VM") {
  require_kvm();
  const std::string function = GENERATE(from_range(image_functions()));
  const auto input = declared_input(function, 1);
  INFO(function);
  CHECK(Guest::restore(base_snapshot()).invoke(function, input) == run_outside(function, input));
}

TEST_CASE("a recorded function gives the same result under every setting, from a cold cache") {
  require_kvm();
  const Snapshot snapshot = recorded_snapshot();
  const auto input = declared_input("hello", 1);
  const auto expected = run_outside("hello", input);
  for (const Setting setting : kAllSettings) {
    REQUIRE(snapshot.drop_caches() == 0);
    Guest guest = Guest::restore(snapshot, {.setting = setting});
    INFO(to_string(setting));
    CHECK(guest.invoke("hello", input) == expected);
    const bool installs = setting == Setting::reap || setting == Setting::stream;
    const std::uint64_t prefilled = guest.vm().stats().restore.prefilled_pages;
    CHECK(prefilled <= (installs ? snapshot.info().memory.pages() : 0));
    if (setting == Setting::faasnap) {
      CHECK(guest.vm().stats().prefetch.pages == snapshot.info().loading_set_pages);
    }
  }
}

TEST_CASE("pages that were loaded before the guest runs cost it no major fault") {
  require_kvm();
  const Snapshot snapshot = recorded_snapshot();
  const auto major_faults = [&](Setting setting) {
    REQUIRE(snapshot.drop_caches() == 0);
    Guest guest = Guest::restore(snapshot, {.setting = setting, .start = false});
    guest.vm().wait_loaded();
    guest.vm().resume();
    guest.invoke("hello", {{"name", "recorded"}});
    return guest.vm().stats().faults.vcpu_major;
  };
  const std::uint64_t lazy = major_faults(Setting::lazy);
  CHECK(major_faults(Setting::faasnap) < lazy / 2);
  CHECK(major_faults(Setting::stream) < lazy / 2);
}
