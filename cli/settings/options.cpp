// SPDX-License-Identifier: Apache-2.0

#include "settings/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

std::string read_text(const std::string& file, const std::string& what) {
  std::ifstream stream(file);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) {
    throw tools::UsageError(fmt::format("{} @{}: cannot be read", what, file));
  }
  return text;
}

// Parses `text`, or the file that it names after an @.
tools::Json parse_json_or_file(const std::string& text, const std::string& what) {
  std::size_t place = 0;
  auto json =
      tools::parse_json(text.starts_with('@') ? read_text(text.substr(1), what) : text, &place);
  if (!json) {
    throw tools::UsageError(fmt::format("{} is not JSON, at byte {}", what, place));
  }
  return std::move(*json);
}

}  // namespace

Bytes parse_size(const std::string& text, const std::string& what) {
  const auto digits = text.find_first_not_of("0123456789");
  const auto number = tools::parse_number(std::string_view(text).substr(0, digits));
  const auto unit = digits == std::string::npos ? std::string() : text.substr(digits);
  const bool mebibytes = unit == "M" || unit == "MiB";
  const bool gibibytes = unit == "G" || unit == "GiB";
  if (!number || *number > (1U << 20) || (!mebibytes && !gibibytes)) {
    throw tools::UsageError(fmt::format("{} {}: expected a size such as 512M or 2G", what, text));
  }
  return {*number << (mebibytes ? 20 : 30)};
}

Setting parse_setting_option(const std::string& text, const std::string& what) {
  const tools::Origin origin = parse_origin_option(text, what);
  if (const auto* setting = std::get_if<Setting>(&origin)) {
    return *setting;
  }
  throw tools::UsageError(fmt::format("{} {}: this setting restores nothing", what, text));
}

tools::Origin parse_origin_option(const std::string& text, const std::string& what) {
  if (const auto origin = tools::parse_origin(text)) {
    return *origin;
  }
  throw tools::UsageError(
      fmt::format("{} {}: expected a setting: warm, boot, lazy, cached, concurrent, per-region, "
                  "faasnap, reap or stream",
                  what, text));
}

FreeMemory parse_free_memory_option(const std::string& text, const std::string& what) {
  if (const auto mode = parse_free_memory(text)) {
    return *mode;
  }
  throw tools::UsageError(fmt::format("{} {}: report, zero or keep is expected", what, text));
}

Compression parse_compression_option(const std::string& text, const std::string& what) {
  if (const auto compression = parse_compression(text)) {
    return *compression;
  }
  throw tools::UsageError(fmt::format("{} {}: none or lz4 is expected", what, text));
}

void add_input_option(CommandLine& line) {
  line.option("input", "JSON", "the function's input, a JSON object; @FILE reads it from a file",
              "{}");
}

tools::Json parse_input(const std::string& text) { return parse_object(text, "--input"); }

tools::Json parse_object(const std::string& text, const std::string& what) {
  tools::Json object = parse_json_or_file(text, what);
  if (!object.is_object()) {
    throw tools::UsageError(
        fmt::format("{}: expected a JSON object, such as {{\"name\": \"you\"}}", what));
  }
  return object;
}

std::vector<tools::Json> parse_objects(const std::string& text, const std::string& what) {
  const tools::Json array = parse_json_or_file(text, what);
  if (!array.is_array() ||
      !std::ranges::all_of(array, [](const tools::Json& item) { return item.is_object(); })) {
    throw tools::UsageError(
        fmt::format("{}: expected a JSON array of objects, such as [{{\"name\": \"you\"}}]", what));
  }
  return {array.begin(), array.end()};
}

}  // namespace faasnap::cli
