// SPDX-License-Identifier: Apache-2.0

#include "harness/json_lines.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace faasnap::bench {

JsonLines::JsonLines(const std::filesystem::path& file, int flags) : file_(file) {
  if (!file_.empty()) {
    descriptor_ = tools::open_file(file_, flags);
  }
}

void JsonLines::add(const nlohmann::json& line) {
  if (descriptor_.get() < 0) {
    return;
  }
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  ssize_t written;
  do {
    written = ::write(descriptor_.get(), text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  if (written < 0 || static_cast<std::size_t>(written) != text.size()) {
    throw std::system_error(written < 0 ? errno : ENOSPC, std::generic_category(), file_.string());
  }
}

}  // namespace faasnap::bench
