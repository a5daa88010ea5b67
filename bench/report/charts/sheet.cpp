// SPDX-License-Identifier: Apache-2.0

#include "report/charts/sheet.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/charts/style.h"

namespace faasnap::bench::report {
namespace {

constexpr double kPad = 10;
constexpr double kCardWidth = kPictureWidth + 2 * kPad;
constexpr double kCaptionLine = 17;
constexpr double kBetween = 10;
// Approximate width of a letter of words, captions and headings.
constexpr double kWordLetter = 6.4;
constexpr double kCaptionLetter = 7.6;
constexpr double kHeadingLetter = 9.8;

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// Returns the text in lines that are not wider than `width`, broken between words.
std::vector<std::string> wrap(const std::string& text, double width, double letter) {
  std::vector<std::string> lines(1);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const std::size_t length = characters(lines.back()) + 1 + characters(word);
    if (lines.back().empty()) {
      lines.back() = word;
    } else if (static_cast<double>(length) * letter > width) {
      lines.push_back(word);
    } else {
      lines.back() += ' ' + word;
    }
    begin = end + 1;
  }
  for (std::string& line : lines) {
    line = fit(line, width * kLetter / letter);
  }
  return lines;
}

// Draws lines of text from `y` on, and moves `y` below them.
Html paragraph(const std::vector<std::string>& lines, double& y, double height,
               std::string_view css_class) {
  Html drawn;
  for (const std::string& line : lines) {
    drawn += svg_text(kPad, y + height - 5, line, Anchor::start, css_class);
    y += height;
  }
  return drawn;
}

Html moved(double x, double y, const Html& content) {
  return element("g", {{"transform", fmt::format("translate({:.0f} {:.0f})", x, y)}}, content);
}

double height_of(const Picture& picture) {
  const auto lines = wrap(picture.title, kPictureWidth, kCaptionLetter).size();
  return static_cast<double>(lines) * kCaptionLine + picture.height + 3 * kPad;
}

Html card(const Picture& picture, double height) {
  Html drawn = svg_shape("rect", {{"width", kCardWidth}, {"height", height}, {"rx", 6}}, "card");
  double y = kPad;
  drawn +=
      paragraph(wrap(picture.title, kPictureWidth, kCaptionLetter), y, kCaptionLine, "caption");
  drawn += moved(kPad, y + kPad, picture.content);
  return element("g", {{"role", "img"}, {"aria-label", picture.title}}, drawn);
}

// Draws the pictures in rows from `y` on, and moves `y` below them.
Html grid(const Pictures& pictures, std::size_t columns, double& y) {
  Html drawn;
  for (std::size_t begin = 0; begin < pictures.size(); begin += columns) {
    const std::size_t end = std::min(begin + columns, pictures.size());
    double height = 0;
    for (std::size_t i = begin; i < end; ++i) {
      height = std::max(height, height_of(pictures[i]));
    }
    for (std::size_t i = begin; i < end; ++i) {
      const double x = kBetween + static_cast<double>(i - begin) * (kCardWidth + kBetween);
      drawn += Html::constant("\n");
      drawn += moved(x, y, card(pictures[i], height));
    }
    y += height + kBetween;
  }
  return drawn;
}

}  // namespace

std::string draw(const Sheet& sheet) {
  const std::size_t columns = std::min<std::size_t>(2, sheet.pictures.size());
  const double width = static_cast<double>(columns) * (kCardWidth + kBetween) + kBetween;
  const double room = width - 2 * kPad;
  double y = kBetween;
  Html content = paragraph(wrap(sheet.title, room, kHeadingLetter), y, 22, "heading");
  content += paragraph(wrap(sheet.explanation, room, kWordLetter), y, 18, "words");
  y += kBetween;
  content += grid(sheet.pictures, columns, y);
  content += paragraph(wrap(sheet.conditions, room, kWordLetter), y, 18, "words");
  const double height = y + kBetween;

  Html document = element("title", {}, sheet.title);
  document += element("style", {}, Html::constant(drawing_style()));
  document += element("style", {}, Html::constant(kSheetStyle));
  document += svg_shape("rect", {{"width", width}, {"height", height}}, "back");
  document += content;
  Attributes attributes{{"xmlns", "http://www.w3.org/2000/svg"},
                        {"width", width},
                        {"height", height},
                        {"viewBox", fmt::format("0 0 {:.0f} {:.0f}", width, height)},
                        {"role", "img"},
                        {"aria-label", sheet.title}};
  for (auto& attribute : plain_font()) {
    attributes.push_back(std::move(attribute));
  }
  return element("svg", attributes, document).markup() + "\n";
}

}  // namespace faasnap::bench::report
