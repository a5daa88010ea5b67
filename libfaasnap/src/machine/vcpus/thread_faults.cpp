// SPDX-License-Identifier: Apache-2.0

#include "machine/vcpus/thread_faults.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/files/file.h"

namespace faasnap::machine {
namespace {

// Fields of /proc/PID/stat, counted from the one after the name, which is number 3 in
// proc_pid_stat(5).
constexpr int kMinorField = 10 - 3;
constexpr int kMajorField = 12 - 3;

[[noreturn]] void reject_file(const std::string& path) {
  base::fail(ErrorKind::internal, "read", path, "not in the format of proc_pid_stat(5)");
}

std::uint64_t field(std::string_view fields, int number, const std::string& path) {
  for (int i = 0; i < number; ++i) {
    const auto space = fields.find(' ');
    if (space == std::string_view::npos) {
      reject_file(path);
    }
    fields.remove_prefix(space + 1);
  }
  std::uint64_t value = 0;
  if (std::from_chars(fields.data(), fields.data() + fields.size(), value).ec != std::errc{}) {
    reject_file(path);
  }
  return value;
}

}  // namespace

ThreadFaults read_thread_faults(pid_t thread) {
  const std::string path = fmt::format("/proc/self/task/{}/stat", thread);
  const base::UniqueFd fd = base::open_file(path, O_RDONLY);
  std::array<char, 1024> buffer;
  const ssize_t got =
      base::retry_eintr([&] { return ::read(fd.get(), buffer.data(), buffer.size()); });
  if (got < 0) {
    base::fail_errno("read", path);
  }
  std::string_view text(buffer.data(), static_cast<std::size_t>(got));
  // The name is in parentheses and may contain any character, including parentheses.
  const auto name_end = text.rfind(") ");
  if (name_end == std::string_view::npos) {
    reject_file(path);
  }
  text.remove_prefix(name_end + 2);
  return {field(text, kMinorField, path), field(text, kMajorField, path)};
}

}  // namespace faasnap::machine
