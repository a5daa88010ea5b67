// SPDX-License-Identifier: Apache-2.0

#include "report/measurements/ratios.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <deque>

namespace faasnap::bench::report {
namespace {

using Catch::Approx;

// Owns measurements, and hands them on as the report does.
class Some {
 public:
  Measurement& add(const std::string& function, const std::string& setting, double total) {
    Measurement& one = all_.emplace_back();
    one.function = function;
    one.setting = setting;
    one.total = total;
    return one;
  }
  Measurements get() const {
    Measurements all;
    for (const Measurement& one : all_) {
      all.push_back(&one);
    }
    return all;
  }

 private:
  std::deque<Measurement> all_;
};

TEST_CASE("a mean of ratios is geometric, over the medians of each function") {
  Some some;
  some.add("json", "cached", 10);
  for (const double total : {5.0, 20.0, 1000.0}) {
    some.add("json", "lazy", total);
  }
  some.add("image", "cached", 10);
  some.add("image", "lazy", 80);

  const auto means = mean_ratios(some.get(), "cached");
  REQUIRE(means.size() == 2);
  CHECK(means[0].setting == "lazy");
  CHECK(means[0].ratio == Approx(4));
  CHECK(means[0].least == Approx(2));
  CHECK(means[0].most == Approx(8));
  CHECK(means[0].count == 2);
  CHECK(means[1].setting == "cached");
  CHECK(means[1].ratio == Approx(1));
}

TEST_CASE("a function without the baseline is not in the mean") {
  Some some;
  some.add("json", "cached", 10);
  some.add("json", "lazy", 30);
  some.add("image", "lazy", 1);
  some.add("hello", "cached", 0);
  some.add("hello", "lazy", 1);

  const auto means = mean_ratios(some.get(), "cached");
  REQUIRE(means.size() == 2);
  CHECK(means[0].ratio == Approx(3));
  CHECK(means[0].count == 1);
  CHECK(mean_ratios(some.get(), "reap").empty());
}

TEST_CASE("inputs, numbers of VMs and copies are compared each with its own baseline") {
  Some some;
  for (const auto& [parallelism, same, base] :
       {std::tuple{1U, true, 1.0}, {1U, false, 10.0}, {4U, true, 100.0}, {4U, false, 1000.0}}) {
    for (const auto& [setting, factor] : {std::pair{"lazy", 1.0}, {"stream", 0.5}}) {
      Measurement& one = some.add("json", setting, base * factor);
      one.parallelism = parallelism;
      one.same = same;
    }
  }
  const auto means = mean_ratios(some.get(), "lazy");
  REQUIRE(means.size() == 2);
  CHECK(means[1].least == Approx(0.5));
  CHECK(means[1].most == Approx(0.5));
  CHECK(means[1].count == 4);
}

TEST_CASE("a disk is named only where there are several") {
  Some some;
  some.add("json", "lazy", 1).disk = "nvme";
  CHECK(split_by_subject(some.get()).front().label == "json");
  some.add("json", "lazy", 1).disk = "remote";
  const auto parts = split_by_subject(some.get());
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].label == "json, nvme");
  CHECK(parts[1].label == "json, remote");
}

}  // namespace
}  // namespace faasnap::bench::report
