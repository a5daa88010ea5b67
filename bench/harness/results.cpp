// SPDX-License-Identifier: Apache-2.0

#include "harness/results.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "harness/conditions.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

// Numbers cannot be compared if these differ.
constexpr const char* kComparedConditions[] = {"cpu",         "cpus",  "kernel", "file_system",
                                               "accelerator", "build", "disk",   "inputs"};

[[noreturn]] void fail(const std::filesystem::path& file) {
  throw std::system_error(errno, std::generic_category(), file.string());
}

bool is_regular(int fd, const std::filesystem::path& file) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    fail(file);
  }
  return S_ISREG(status.st_mode);
}

std::string read_all(int fd, const std::filesystem::path& file) {
  std::string text;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) {
      return text;
    }
    if (got > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      fail(file);
    }
  }
}

void check_conditions(const json& before, const json& now, const std::string& place) {
  for (const char* name : kComparedConditions) {
    const json then = before.value(name, json());
    const json current = now.value(name, json());
    if (then != current) {
      throw std::runtime_error(
          fmt::format("{}: measured under other conditions ({} was {} and is {}); choose another "
                      "file, or remove it",
                      place, name, then.dump(), current.dump()));
    }
  }
}

json without_nulls(const Point& point) {
  json fields = json::object();
  for (const auto& [name, value] : point.items()) {
    if (!value.is_null()) {
      fields[name] = value;
    }
  }
  return fields;
}

bool is_failure(const json& record) {
  const auto failed = record.find("failed");
  return failed != record.end() && *failed == true;
}

}  // namespace

Results::Results(const std::filesystem::path& file, const json& conditions)
    : file_(file), lines_(file, O_RDWR | O_CREAT | O_APPEND), carried_(carried(conditions)) {
  if (is_regular(lines_.descriptor(), file_)) {
    if (::flock(lines_.descriptor(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        throw std::runtime_error(file_.string() + ": another program is writing to it");
      }
      fail(file_);
    }
    read(read_all(lines_.descriptor(), file_), conditions);
  }
  lines_.add({{"conditions", conditions}});
}

// Reads the lines of earlier runs. Only the last line may be damaged, since every line is appended
// by one write.
void Results::read(const std::string& text, const json& conditions) {
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t found = text.find('\n', begin);
    const bool whole = found != std::string::npos;
    const std::size_t end = whole ? found : text.size();
    const std::string place = fmt::format("{}:{}", file_.string(), ++number);
    json line = json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                            text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    if (!line.is_object()) {
      if (whole) {
        throw std::runtime_error(place + ": expected a JSON object");
      }
      notice_ = place + ": truncated by an interruption; its invocation is measured again";
      if (::ftruncate(lines_.descriptor(), static_cast<off_t>(begin)) != 0) {
        fail(file_);
      }
      return;
    }
    if (!whole && ::write(lines_.descriptor(), "\n", 1) != 1) {
      fail(file_);
    }
    const auto before = line.find("conditions");
    if (before != line.end()) {
      check_conditions(*before, conditions, place);
    } else {
      remember(std::move(line));
    }
    begin = end + 1;
  }
}

bool Results::has(const Point& point) const {
  return std::any_of(records_.begin(), records_.end(), [&](const json& record) {
    return std::all_of(point.items().begin(), point.items().end(), [&](const auto& field) {
      return record.value(field.key(), json()) == field.value();
    });
  });
}

void Results::add(const Point& point, const json& record) {
  json line = record;
  line.update(carried_);
  line.update(without_nulls(point));
  lines_.add(line);
  remember(std::move(line));
}

void Results::add_failure(const Point& point, std::string_view error) {
  json line = carried_;
  line.update(without_nulls(point));
  line["failed"] = true;
  line["error"] = error;
  ++failures_;
  lines_.add(line);
}

void Results::remember(json record) {
  if (!is_failure(record)) {
    records_.push_back(std::move(record));
  }
}

}  // namespace faasnap::bench
