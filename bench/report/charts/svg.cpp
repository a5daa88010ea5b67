// SPDX-License-Identifier: Apache-2.0

#include "report/charts/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/charts/style.h"

namespace faasnap::bench::report {

Html svg_shape(std::string_view name, Attributes attributes, std::string_view css_class,
               const Html& content) {
  attributes.emplace_back("class", css_class);
  for (auto& attribute : plain_paint(name, css_class)) {
    attributes.push_back(std::move(attribute));
  }
  return element(name, attributes, content);
}

Html svg_text(double x, double y, std::string_view plain, Anchor anchor,
              std::string_view css_class) {
  const char* where = anchor == Anchor::start    ? "start"
                      : anchor == Anchor::middle ? "middle"
                                                 : "end";
  return svg_shape("text", {{"x", x}, {"y", y}, {"text-anchor", where}}, css_class, text(plain));
}

Html svg_box(double x, double y, double width, double height, const std::string& css_class,
             std::string_view tip) {
  Html title;
  if (!tip.empty()) {
    title = element("title", {}, tip);
  }
  return svg_shape("rect", {{"x", x}, {"y", y}, {"width", width}, {"height", height}}, css_class,
                   title);
}

Html svg_line(double x1, double y1, double x2, double y2, const std::string& css_class) {
  return svg_shape("line", {{"x1", x1}, {"y1", y1}, {"x2", x2}, {"y2", y2}}, css_class);
}

Html side_by_side(const Pictures& pictures) {
  Html figures;
  for (const Picture& picture : pictures) {
    Html figure = element("figcaption", {}, picture.title);
    figure += element("svg",
                      {{"viewBox", fmt::format("0 0 {:.0f} {:.0f}", kPictureWidth, picture.height)},
                       {"role", "img"},
                       {"aria-label", picture.title}},
                      picture.content);
    figures += element("figure", {}, figure);
  }
  return pictures.empty() ? Html() : element("div", {{"class", "pictures"}}, figures);
}

std::string fit(const std::string& text, double width) {
  const auto room = static_cast<std::size_t>(std::max(1.0, width / kLetter));
  const auto begins_character = [](char c) { return (c & 0xc0) != 0x80; };
  const auto characters =
      static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
  if (characters <= room) {
    return text;
  }
  std::string cut;
  std::size_t taken = 0;
  for (const char c : text) {
    if (begins_character(c) && ++taken >= room) {
      break;
    }
    cut += c;
  }
  return cut + "\u2026";
}

}  // namespace faasnap::bench::report
