// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace faasnap::tools {

// The arguments after a program's name, or a subcommand's.
using Arguments = std::vector<std::string>;

// The options and arguments of one program or subcommand, with uniform help and errors. Declare
// them all, call parse(), then ask for values. `--help` is always declared.
//
// Throws UsageError for every mistake of the user.
class CommandLine {
 public:
  struct Description {
    std::string name{};                    // "faasnap invoke"
    std::string synopsis = "[OPTION]...";  // the text after the name
    std::string text{};
    std::string example{};  // a whole command line
  };
  explicit CommandLine(const Description& description);
  CommandLine(CommandLine&&) noexcept;
  ~CommandLine();

  const std::string& name() const noexcept { return description_.name; }

  // `name` is "output", or "o,output" for an option that also has a letter; `value` stands for the
  // value in the help.
  void flag(const std::string& name, const std::string& help);
  void option(const std::string& name, const std::string& value, const std::string& help);
  // Declares an option with a default, which the help names.
  void option(const std::string& name, const std::string& value, const std::string& help,
              const std::string& otherwise);
  // Declares an option that takes several values, separated by commas or each with the option's
  // name.
  void list(const std::string& name, const std::string& value, const std::string& help);
  void list(const std::string& name, const std::string& value, const std::string& help,
            const std::string& otherwise);
  // Names the positional arguments that must be given exactly once, and the optional ones.
  void positional(std::vector<std::string> names, const std::vector<std::string>& optional = {});
  // Names one positional argument that is given at least once; texts() has its values.
  void positional_list(const std::string& name);

  // Returns false if help was asked for and has been printed.
  bool parse(const Arguments& arguments);

  // True if the option was given; a default does not count.
  bool has(const std::string& name) const;
  // Returns the value, or the default. Throws if there is neither.
  std::string text(const std::string& name) const;
  // Returns the given value, if any. Throws if it is empty or was given twice.
  std::optional<std::string> optional_text(const std::string& name) const;
  // Does the same for a number from `least` to `most`.
  std::uint64_t number(const std::string& name, std::uint64_t least, std::uint64_t most) const;
  std::optional<std::uint64_t> optional_number(const std::string& name, std::uint64_t least,
                                               std::uint64_t most) const;
  // Returns the value, or the default, as a number above 0, possibly with a fraction.
  double positive(const std::string& name) const;
  // Returns the values of a list, or its default, or nothing.
  std::vector<std::string> texts(const std::string& name) const;

 private:
  struct Parser;
  void add(const std::string& name, const std::string& value, const std::string& help,
           const std::string* otherwise, bool several);

  Description description_;
  std::vector<std::string> required_;
  std::map<std::string, std::string> defaults_;
  std::unique_ptr<Parser> parser_;
};

// Returns the number that `text` is in decimal digits, or nothing.
std::optional<std::uint64_t> parse_number(std::string_view text);
// Does the same for a number that may have a fraction.
std::optional<double> parse_decimal(std::string_view text);

}  // namespace faasnap::tools
