#pragma once

#include <cstdint>
#include <cxxopts.hpp>
#include <optional>
#include <string>
#include <vector>

#include <faasnap/restore_options.h>
#include <faasnap/units.h>

#include "commands/commands.h"

namespace faasnap::cli {

// The options of one command: cxxopts, with our wording of help and errors. `--help` is there
// without asking.
class CommandLine {
 public:
  // `synopsis` is what follows the command's name; `example` a whole command line.
  CommandLine(std::string command, std::string synopsis, std::string description,
              std::string example);

  cxxopts::OptionAdder add(const std::string& group = "") { return options_.add_options(group); }
  // Names the positional arguments, each of which must be given exactly once, and those that may be
  // left out.
  void positional(std::vector<std::string> names, const std::vector<std::string>& optional = {});
  // Names one positional argument that is given at least once; texts() has its values.
  void positional_list(const std::string& name);

  // False when help was asked for, and has been printed. Throws UsageError.
  bool parse(const Arguments& arguments);

  bool has(const std::string& name) const { return result_.count(name) != 0; }
  // Throws UsageError when the option was not given, unless it has a default.
  std::string text(const std::string& name) const;
  std::optional<std::string> optional_text(const std::string& name) const;
  std::optional<std::uint64_t> optional_number(const std::string& name, std::uint64_t least,
                                               std::uint64_t most) const;
  std::vector<std::string> texts(const std::string& name) const;

 private:
  std::string command_;
  cxxopts::Options options_;
  std::string description_;
  std::string example_;
  std::vector<std::string> positional_;
  cxxopts::ParseResult result_;
};

// "512M", "2G", "2GiB": a count of bytes with a unit (binary). `what` names it in the UsageError.
Bytes parse_size(const std::string& text, const std::string& what);

// Throws UsageError that lists the settings.
Setting parse_setting_option(const std::string& text, const std::string& what);

}  // namespace faasnap::cli
