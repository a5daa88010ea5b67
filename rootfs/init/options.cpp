// SPDX-License-Identifier: Apache-2.0

#include "options.h"

#include <string_view>

#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::string_view kWordPrefix = "faasnap.";
// More would not fit in the guest beside a function.
constexpr std::uint64_t kLargestPayload = std::uint64_t{1} << 30;

void apply_word(std::string_view name, std::string_view value, Options& options) {
  struct Text {
    std::string_view name;
    std::string* value;
  };
  struct Switch {
    std::string_view name;
    bool* value;
  };
  const Text texts[] = {{"listen", &options.listen},     {"runtime-api", &options.runtime_api},
                        {"image", &options.image},       {"store", &options.store},
                        {"function", &options.function}, {"overlay", &options.overlay},
                        {"network", &options.network}};
  const Switch switches[] = {
      {"artifact", &options.artifact}, {"shell", &options.shell}, {"test", &options.test}};
  for (const Text& text : texts) {
    if (name == text.name) {
      *text.value = value;
      return;
    }
  }
  for (const Switch& item : switches) {
    if (name == item.name) {
      *item.value = value == "1";
      return;
    }
  }
  if (name != "max-payload") {
    die("command line: unknown word faasnap.%s", std::string(name).c_str());
  }
  const auto bytes = parse_number(value);
  if (!bytes || *bytes > kLargestPayload) {
    die("command line: faasnap.max-payload=%s: expected bytes, at most %llu",
        std::string(value).c_str(), static_cast<unsigned long long>(kLargestPayload));
  }
  options.max_payload = *bytes;
}

}  // namespace

Options parse_options(const std::vector<std::string>& words) {
  Options options;
  for (const std::string& word : words) {
    const auto [name, value] = split(word, '=');
    if (name == "root") {
      options.root = value;
    } else if (name.starts_with(kWordPrefix)) {
      apply_word(name.substr(kWordPrefix.size()), value, options);
    }
  }
  return options;
}

}  // namespace faasnap::init
