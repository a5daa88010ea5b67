// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace faasnap::bench::report {

// Markup that is safe in a page. Only text() and element() turn text into markup, and they escape
// it, so that a function's name or an error message cannot become markup.
class Html {
 public:
  Html() = default;
  // `markup` must come from the program, never from its input.
  static Html constant(std::string_view markup);

  Html& operator+=(const Html& other);
  const std::string& markup() const noexcept { return markup_; }
  bool empty() const noexcept { return markup_.empty(); }

 private:
  friend Html text(std::string_view plain);
  friend class Element;
  std::string markup_;
};

Html text(std::string_view plain);

// An attribute's value: text, or a number with at most two decimals.
class AttributeValue {
 public:
  AttributeValue(std::string_view value) : text_(value) {}
  AttributeValue(const std::string& value) : text_(value) {}
  AttributeValue(const char* value) : text_(value) {}
  template <typename Number>
  requires std::integral<Number> || std::floating_point<Number> AttributeValue(Number value)
      : text_(number(static_cast<double>(value))) {}
  const std::string& text() const noexcept { return text_; }

 private:
  static std::string number(double value);
  std::string text_;
};

using Attributes = std::vector<std::pair<std::string_view, AttributeValue>>;

// `name` and the attributes' names come from the program.
Html element(std::string_view name, const Attributes& attributes, const Html& content);
Html element(std::string_view name, const Attributes& attributes, std::string_view plain = {});

}  // namespace faasnap::bench::report
