#include "settings/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <iostream>

#include "failure.h"

namespace faasnap::cli {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

CommandLine::CommandLine(std::string command, std::string synopsis, std::string description,
                         std::string example)
    : command_(std::move(command)),
      options_("faasnap " + command_),
      description_(std::move(description)),
      example_(std::move(example)) {
  options_.custom_help(synopsis);
  options_.positional_help("");
  options_.set_width(100);
  add()("h,help", "show this text");
}

void CommandLine::positional(std::vector<std::string> names,
                             const std::vector<std::string>& optional) {
  positional_ = names;
  names.insert(names.end(), optional.begin(), optional.end());
  for (const std::string& name : names) {
    // In a group that help does not list: the synopsis names it.
    add("positional")(name, "", cxxopts::value<std::string>());
  }
  options_.parse_positional(names);
}

void CommandLine::positional_list(const std::string& name) {
  add("positional")(name, "", cxxopts::value<std::vector<std::string>>());
  positional_ = {name};
  options_.parse_positional(name);
}

bool CommandLine::parse(const Arguments& arguments) {
  std::vector<const char*> words{command_.c_str()};
  for (const std::string& argument : arguments) {
    words.push_back(argument.c_str());
  }
  try {
    result_ = options_.parse(static_cast<int>(words.size()), words.data());
  } catch (const cxxopts::exceptions::exception& error) {
    throw UsageError(error.what());
  }
  if (has("help")) {
    auto groups = options_.groups();
    std::erase(groups, "positional");
    std::string help = options_.help(groups);
    help.erase(0, help.find_first_not_of('\n'));  // where cxxopts has room for a description
    std::cout << help << "\n" << description_ << "\n\nexample:\n  " << example_ << "\n";
    return false;
  }
  if (!result_.unmatched().empty()) {
    throw UsageError(fmt::format("unexpected argument '{}'", result_.unmatched().front()));
  }
  for (const std::string& name : positional_) {
    if (!has(name)) {
      throw UsageError(fmt::format("{} is missing", name));
    }
  }
  return true;
}

std::string CommandLine::text(const std::string& name) const {
  const auto value = optional_text(name);
  if (!value) {
    throw UsageError(fmt::format("--{} is missing", name));
  }
  return *value;
}

std::optional<std::string> CommandLine::optional_text(const std::string& name) const {
  const auto count = result_.count(name);
  if (count == 0) {
    return std::nullopt;
  }
  if (count > 1) {
    throw UsageError(fmt::format("--{} is given {} times", name, count));
  }
  auto value = result_[name].as<std::string>();
  if (value.empty()) {
    throw UsageError(fmt::format("--{} is empty", name));
  }
  return value;
}

std::optional<std::uint64_t> CommandLine::optional_number(const std::string& name,
                                                          std::uint64_t least,
                                                          std::uint64_t most) const {
  const auto given = optional_text(name);
  if (!given) {
    return std::nullopt;
  }
  const auto value = parse_number(*given);
  if (!value || *value < least || *value > most) {
    throw UsageError(
        fmt::format("--{} {}: a number from {} to {} is expected", name, *given, least, most));
  }
  return value;
}

std::vector<std::string> CommandLine::texts(const std::string& name) const {
  return has(name) ? result_[name].as<std::vector<std::string>>() : std::vector<std::string>();
}

Bytes parse_size(const std::string& text, const std::string& what) {
  const auto digits = text.find_first_not_of("0123456789");
  const auto number = parse_number(std::string_view(text).substr(0, digits));
  const auto unit = digits == std::string::npos ? std::string() : text.substr(digits);
  const bool mebibytes = unit == "M" || unit == "MiB";
  const bool gibibytes = unit == "G" || unit == "GiB";
  if (!number || *number > (1U << 20) || (!mebibytes && !gibibytes)) {
    throw UsageError(fmt::format("{} {}: a size such as 512M or 2G is expected", what, text));
  }
  return {*number << (mebibytes ? 20 : 30)};
}

Setting parse_setting_option(const std::string& text, const std::string& what) {
  if (const auto setting = parse_setting(text)) {
    return *setting;
  }
  throw UsageError(
      fmt::format("{} {}: warm, boot, lazy, cached or faasnap is expected", what, text));
}

}  // namespace faasnap::cli
