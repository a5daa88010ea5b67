// SPDX-License-Identifier: Apache-2.0

#include "memory/memory_usage.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files/file.h"
#include "memory/page_scan.h"

namespace faasnap::memory {
namespace {

constexpr const char* kSmaps = "/proc/self/smaps";

// Calls `use` with each line of the file, without its line end.
template <typename Use>
void for_each_line(const base::UniqueFd& fd, Use use) {
  std::vector<char> buffer(256 << 10);
  std::size_t filled = 0;
  for (;;) {
    const ssize_t got = base::retry_eintr(
        [&] { return ::read(fd.get(), buffer.data() + filled, buffer.size() - filled); });
    if (got < 0) {
      base::fail_errno("read", kSmaps);
    }
    if (got == 0) {
      return;
    }
    filled += static_cast<std::size_t>(got);
    std::string_view text(buffer.data(), filled);
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      use(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    filled = text.size();
    std::copy(text.begin(), text.end(), buffer.begin());
  }
}

struct AddressRange {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

// True if the line is the head of a mapping, "7f0000000000-7f0000001000 rw-p ...".
bool parse_head(std::string_view line, AddressRange& range) {
  const char* end = line.data() + line.size();
  const auto first = std::from_chars(line.data(), end, range.begin, 16);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') {
    return false;
  }
  return std::from_chars(first.ptr + 1, end, range.end, 16).ec == std::errc{};
}

// Adds the amount of a line such as "Rss:     12 kB" if its key is `key`.
void add_amount(std::string_view line, std::string_view key, Bytes& sum) {
  if (!line.starts_with(key)) {
    return;
  }
  line.remove_prefix(std::min(line.find_first_of("0123456789"), line.size()));
  std::uint64_t kibibytes = 0;
  if (std::from_chars(line.data(), line.data() + line.size(), kibibytes).ec != std::errc{}) {
    base::fail(ErrorKind::internal, "read", kSmaps, "not in the format of proc_pid_smaps(5)");
  }
  sum += Bytes{kibibytes << 10};
}

}  // namespace

Bytes read_present_memory(std::span<const std::byte> range) {
  Bytes sum;
  for (const PageRange& pages : touched_pages(range)) {
    sum += pages.size();
  }
  return sum;
}

MemoryUsage read_memory_usage(std::span<const std::byte> range) {
  const auto begin = reinterpret_cast<std::uintptr_t>(range.data());
  const std::uintptr_t end = begin + range.size();
  const base::UniqueFd fd = base::open_file(kSmaps, O_RDONLY);
  MemoryUsage usage;
  bool inside = false;
  for_each_line(fd, [&](std::string_view line) {
    AddressRange mapping;
    if (parse_head(line, mapping)) {
      inside = begin <= mapping.begin && mapping.end <= end;
      if (!inside && mapping.begin < end && begin < mapping.end) {
        const std::uintptr_t first = std::max(begin, mapping.begin);
        const Bytes part = read_present_memory(
            {reinterpret_cast<const std::byte*>(first), std::min(end, mapping.end) - first});
        usage.resident += part;
        usage.proportional += part;
      }
    } else if (inside) {
      add_amount(line, "Rss:", usage.resident);
      add_amount(line, "Pss:", usage.proportional);
    }
  });
  return usage;
}

}  // namespace faasnap::memory
