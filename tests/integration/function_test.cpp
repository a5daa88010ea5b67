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
  const auto directory = fresh_path("recorded");
  const auto input = declared_input("json", 1);
  {
    const Snapshot base = base_snapshot();
    REQUIRE(base.drop_caches() == 0);
    Guest guest = Guest::restore(base);
    WorkingSetRecorder recorder(base, guest.vm());
    guest.invoke("json", declared_input("json", 0));
    const WorkingSet used = recorder.finish();
    CHECK(used.pages() > 1000);
    CHECK(used.groups().size() > 1);
    guest.vm().snapshot(directory, {.working_set = &used});
  }
  const auto expected = run_outside("json", input);
  for (const Setting setting : {Setting::lazy, Setting::cached, Setting::faasnap}) {
    const Snapshot served = Snapshot::open(directory);
    REQUIRE(served.drop_caches() == 0);
    Guest guest = Guest::restore(served, {.setting = setting});
    INFO(to_string(setting));
    CHECK(guest.invoke("json", input) == expected);
    if (setting == Setting::faasnap) {
      REQUIRE(guest.vm().prefetcher() != nullptr);
      CHECK(guest.vm().prefetcher()->stats().pages == served.info().loading_set_pages);
    }
  }
  Snapshot::remove(directory);
}

TEST_CASE("faasnap takes fewer major faults than lazy") {
  require_kvm();
  const auto directory = fresh_path("fewer-faults");
  const auto input = declared_input("hello", 1);
  {
    const Snapshot base = base_snapshot();
    base.drop_caches();
    Guest guest = Guest::restore(base);
    WorkingSetRecorder recorder(base, guest.vm());
    guest.invoke("hello", input);
    const WorkingSet used = recorder.finish();
    guest.vm().snapshot(directory, {.working_set = &used});
  }
  const auto major_faults = [&](Setting setting) {
    const Snapshot served = Snapshot::open(directory);
    REQUIRE(served.drop_caches() == 0);
    Guest guest = Guest::restore(served, {.setting = setting});
    guest.invoke("hello", input);
    return guest.vm().counters().vcpu_major_faults;
  };
  CHECK(major_faults(Setting::faasnap) < major_faults(Setting::lazy));
  Snapshot::remove(directory);
}
