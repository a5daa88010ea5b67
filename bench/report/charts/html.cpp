// SPDX-License-Identifier: Apache-2.0

#include "report/charts/html.h"

#include <fmt/format.h>

namespace faasnap::bench::report {
namespace {

// True for U+FFFE and U+FFFF, which XML forbids.
bool is_no_character(std::string_view rest) {
  return rest.starts_with("\xef\xbf\xbe") || rest.starts_with("\xef\xbf\xbf");
}

void append_escaped(std::string& out, std::string_view plain) {
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i];
    if (is_no_character(plain.substr(i))) {
      out += "\ufffd";
      i += 2;
      continue;
    }
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // Control characters are not allowed in HTML and XML.
        if ((c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == '\x7f') {
          out += "\ufffd";
        } else {
          out += c;
        }
    }
  }
}

// True for HTML elements that have neither content nor an end tag.
bool is_void(std::string_view name) { return name == "meta" || name == "br"; }

}  // namespace

// Builds an element from parts that are already escaped.
class Element {
 public:
  static Html make(std::string_view name, const Attributes& attributes,
                   const std::string& content) {
    Html html;
    html.markup_ = fmt::format("<{}", name);
    for (const auto& [key, value] : attributes) {
      html.markup_ += fmt::format(" {}=\"", key);
      append_escaped(html.markup_, value.text());
      html.markup_ += '"';
    }
    html.markup_ += '>';
    if (!is_void(name)) {
      html.markup_ += content;
      html.markup_ += fmt::format("</{}>", name);
    }
    return html;
  }
};

Html Html::constant(std::string_view markup) {
  Html html;
  html.markup_ = markup;
  return html;
}

Html& Html::operator+=(const Html& other) {
  markup_ += other.markup_;
  return *this;
}

Html text(std::string_view plain) {
  Html html;
  append_escaped(html.markup_, plain);
  return html;
}

std::string AttributeValue::number(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return text;
}

Html element(std::string_view name, const Attributes& attributes, const Html& content) {
  return Element::make(name, attributes, content.markup());
}

Html element(std::string_view name, const Attributes& attributes, std::string_view plain) {
  return Element::make(name, attributes, text(plain).markup());
}

}  // namespace faasnap::bench::report
