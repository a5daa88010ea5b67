#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

// The function mmap writes a byte to each page of a map of this size.
constexpr std::uint64_t kMebibytes = 32;
constexpr std::uint64_t kPagesWritten = (32_MiB).pages();
// What the guest's kernel and the agent use besides.
constexpr std::uint64_t kOthers = kPagesWritten / 2;

WorkingSet record_map(Recorder recorder) {
  return record(base_snapshot(), recorder, "mmap", {{"mib", kMebibytes}});
}

}  // namespace

TEST_CASE("userfaultfd records each page that a function writes, once, in order") {
  require_kvm();
  const WorkingSet used = record_map(Recorder::userfaultfd);
  CHECK(used.pages() >= kPagesWritten);
  CHECK(used.pages() <= kPagesWritten + kOthers);
  CHECK(used.pages() == used.accesses().size());
  CHECK(std::ranges::is_sorted(used.accesses(), {}, &PageAccess::time));
  const auto written = std::ranges::count_if(used.accesses(), &PageAccess::write);
  CHECK(static_cast<std::uint64_t>(written) >= kPagesWritten);
  // Most of them were free memory, which is holes in the image.
  const auto zero = std::ranges::count_if(used.accesses(), &PageAccess::zero);
  CHECK(static_cast<std::uint64_t>(zero) >= kPagesWritten / 2);
  CHECK(WorkingSet::similarity(used, record_map(Recorder::userfaultfd)) > 0.5);
}

TEST_CASE("mincore records at least what a function writes, and more by the kernel's read-ahead") {
  require_kvm();
  const WorkingSet used = record_map(Recorder::mincore);
  CHECK(used.pages() >= kPagesWritten);
  CHECK(used.groups().size() > 1);
}
