// SPDX-License-Identifier: Apache-2.0

#include "tools/command_line.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
// std::regex would be most of what compiling cxxopts takes.
#define CXXOPTS_NO_REGEX
#include <cxxopts.hpp>
#include <iostream>

#include "tools/failure.h"

namespace faasnap::tools {
namespace {

// The help does not list this group: the synopsis names its arguments.
constexpr const char* kPositional = "positional";

template <typename Number>
std::optional<Number> parse_all_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

struct CommandLine::Parser {
  explicit Parser(const std::string& name) : options(name) {}
  cxxopts::Options options;
  cxxopts::ParseResult result;
};

CommandLine::CommandLine(const Description& description)
    : description_(description), parser_(std::make_unique<Parser>(description.name)) {
  parser_->options.custom_help(description.synopsis);
  parser_->options.positional_help("");
  parser_->options.set_width(100);
  flag("h,help", "show this text");
}

CommandLine::CommandLine(CommandLine&&) noexcept = default;
CommandLine::~CommandLine() = default;

void CommandLine::flag(const std::string& name, const std::string& help) {
  parser_->options.add_options()(name, help);
}

void CommandLine::option(const std::string& name, const std::string& value,
                         const std::string& help) {
  add(name, value, help, nullptr, false);
}

void CommandLine::option(const std::string& name, const std::string& value, const std::string& help,
                         const std::string& otherwise) {
  add(name, value, help, &otherwise, false);
}

void CommandLine::list(const std::string& name, const std::string& value, const std::string& help) {
  add(name, value, help, nullptr, true);
}

void CommandLine::list(const std::string& name, const std::string& value, const std::string& help,
                       const std::string& otherwise) {
  add(name, value, help, &otherwise, true);
}

void CommandLine::add(const std::string& name, const std::string& value, const std::string& help,
                      const std::string* otherwise, bool several) {
  const std::shared_ptr<cxxopts::Value> kind =
      several ? cxxopts::value<std::vector<std::string>>() : cxxopts::value<std::string>();
  if (otherwise != nullptr) {
    kind->default_value(*otherwise);
    defaults_[name] = *otherwise;
  }
  parser_->options.add_options()(name, help, kind, value);
}

void CommandLine::positional(std::vector<std::string> names,
                             const std::vector<std::string>& optional) {
  required_ = names;
  names.insert(names.end(), optional.begin(), optional.end());
  for (const std::string& name : names) {
    parser_->options.add_options(kPositional)(name, "", cxxopts::value<std::string>());
  }
  parser_->options.parse_positional(names);
}

void CommandLine::positional_list(const std::string& name) {
  parser_->options.add_options(kPositional)(name, "", cxxopts::value<std::vector<std::string>>());
  required_ = {name};
  parser_->options.parse_positional(name);
}

bool CommandLine::parse(const Arguments& arguments) {
  std::vector<const char*> words{description_.name.c_str()};
  for (const std::string& argument : arguments) {
    words.push_back(argument.c_str());
  }
  try {
    parser_->result = parser_->options.parse(static_cast<int>(words.size()), words.data());
  } catch (const cxxopts::exceptions::exception& error) {
    throw UsageError(error.what());
  }
  if (has("help")) {
    auto groups = parser_->options.groups();
    std::erase(groups, kPositional);
    std::string help = parser_->options.help(groups);
    help.erase(0, help.find_first_not_of('\n'));  // where cxxopts puts the description
    std::cout << help << "\n"
              << description_.text << "\n\nexample:\n  " << description_.example << "\n";
    return false;
  }
  if (!parser_->result.unmatched().empty()) {
    throw UsageError(fmt::format("unexpected argument '{}'", parser_->result.unmatched().front()));
  }
  for (const std::string& name : required_) {
    if (!has(name)) {
      throw UsageError(fmt::format("{} is missing", name));
    }
  }
  return true;
}

bool CommandLine::has(const std::string& name) const { return parser_->result.count(name) != 0; }

std::string CommandLine::text(const std::string& name) const {
  if (auto value = optional_text(name)) {
    return std::move(*value);
  }
  const auto otherwise = defaults_.find(name);
  if (otherwise == defaults_.end()) {
    throw UsageError(fmt::format("--{} is missing", name));
  }
  return otherwise->second;
}

std::optional<std::string> CommandLine::optional_text(const std::string& name) const {
  const auto count = parser_->result.count(name);
  if (count == 0) {
    return std::nullopt;
  }
  if (count > 1) {
    throw UsageError(fmt::format("--{} is given {} times", name, count));
  }
  auto value = parser_->result[name].as<std::string>();
  if (value.empty()) {
    throw UsageError(fmt::format("--{} is empty", name));
  }
  return value;
}

std::uint64_t CommandLine::number(const std::string& name, std::uint64_t least,
                                  std::uint64_t most) const {
  const std::string given = text(name);
  const auto value = parse_number(given);
  if (!value || *value < least || *value > most) {
    throw UsageError(
        fmt::format("--{} {}: expected a number from {} to {}", name, given, least, most));
  }
  return *value;
}

std::optional<std::uint64_t> CommandLine::optional_number(const std::string& name,
                                                          std::uint64_t least,
                                                          std::uint64_t most) const {
  return has(name) ? std::optional(number(name, least, most)) : std::nullopt;
}

double CommandLine::positive(const std::string& name) const {
  const std::string given = text(name);
  const auto value = parse_decimal(given);
  if (!value || !(*value > 0)) {
    throw UsageError(fmt::format("--{} {}: expected a number above 0", name, given));
  }
  return *value;
}

std::vector<std::string> CommandLine::texts(const std::string& name) const {
  return has(name) || defaults_.contains(name)
             ? parser_->result[name].as<std::vector<std::string>>()
             : std::vector<std::string>();
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  return parse_all_of<std::uint64_t>(text);
}

std::optional<double> parse_decimal(std::string_view text) {
  const auto value = parse_all_of<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace faasnap::tools
