// SPDX-License-Identifier: Apache-2.0

#include "report/charts/style.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "report/measurements/settings.h"

namespace faasnap::bench::report {
namespace {

// Colours of the page itself, apart from those of settings.
constexpr std::array kPage{
    KnownSetting{"back", "#fff", "#14181d"},    KnownSetting{"fore", "#1d2329", "#e4e8ec"},
    KnownSetting{"dim", "#57606a", "#a3adb8"},  KnownSetting{"grid", "#d8dee4", "#343c46"},
    KnownSetting{"card", "#f6f8fa", "#1c2229"}, KnownSetting{"note", "#fff3d6", "#40340f"},
};

constexpr std::string_view kFonts = R"(system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif)";

constexpr std::string_view kShapes = R"css(
svg{font:11.5px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
svg text{fill:var(--fore)}
svg .tick{fill:var(--dim);font-size:10.5px}
/* Above the lines of the grid. */
svg .note{white-space:pre;paint-order:stroke;stroke:var(--card);stroke-width:3px}
.grid{stroke:var(--grid)}
.shade1{opacity:.5}
.shade2{opacity:.25}
.span{opacity:.8}
.line{fill:none!important;stroke-width:1.6}
)css";

std::string colours(std::string_view KnownSetting::*of_page) {
  std::string css;
  const auto add = [&](const KnownSetting& colour) {
    css += fmt::format("{}--{}:{}", css.empty() ? "" : ";", colour.name, colour.*of_page);
  };
  std::ranges::for_each(kPage, add);
  std::ranges::for_each(kSettings, add);
  return ":root{" + css + "}";
}

std::string_view light(std::string_view name) {
  const auto find = [&](const auto& colours) -> std::string_view {
    const auto found = std::ranges::find(colours, name, &KnownSetting::name);
    return found == colours.end() ? std::string_view() : found->light;
  };
  const auto of_page = find(kPage);
  return of_page.empty() ? find(kSettings) : of_page;
}

bool has_word(std::string_view css_class, std::string_view word) {
  return fmt::format(" {} ", css_class).find(fmt::format(" {} ", word)) != std::string::npos;
}

Attributes paint_of_text(std::string_view css_class) {
  const bool dim = has_word(css_class, "tick") || has_word(css_class, "words");
  Attributes paint{{"fill", light(dim ? "dim" : "fore")}};
  static constexpr std::pair<std::string_view, double> kSizes[] = {
      {"tick", 10.5}, {"words", 12}, {"caption", 13}, {"heading", 17}};
  for (const auto& [word, size] : kSizes) {
    if (has_word(css_class, word)) {
      paint.emplace_back("font-size", size);
    }
  }
  if (has_word(css_class, "caption") || has_word(css_class, "heading")) {
    paint.emplace_back("font-weight", 600);
  }
  return paint;
}

// Returns the colour that one of the words of the class stands for.
std::string_view colour_of(std::string_view css_class) {
  for (const auto& colours :
       {std::span<const KnownSetting>(kPage), std::span<const KnownSetting>(kSettings)}) {
    for (const KnownSetting& colour : colours) {
      if (has_word(css_class, colour.name) ||
          has_word(css_class, fmt::format("s-{}", colour.name))) {
        return colour.light;
      }
    }
  }
  return light("other");
}

}  // namespace

Attributes plain_paint(std::string_view element, std::string_view css_class) {
  if (element == "text") {
    return paint_of_text(css_class);
  }
  const std::string_view colour = colour_of(css_class);
  Attributes paint;
  if (has_word(css_class, "line")) {
    paint = {{"fill", "none"}, {"stroke", colour}, {"stroke-width", 1.6}};
  } else {
    paint = {{element == "line" ? "stroke" : "fill", colour}};
  }
  static constexpr std::pair<std::string_view, double> kOpacities[] = {
      {"shade1", 0.5}, {"shade2", 0.25}, {"span", 0.8}};
  for (const auto& [word, opacity] : kOpacities) {
    if (has_word(css_class, word)) {
      paint.emplace_back("opacity", opacity);
    }
  }
  return paint;
}

Attributes plain_font() { return {{"font-family", kFonts}, {"font-size", 11.5}}; }

std::string drawing_style() {
  std::string css =
      fmt::format("\n{}\n@media(prefers-color-scheme:dark){{{}}}{}", colours(&KnownSetting::light),
                  colours(&KnownSetting::dark), kShapes);
  for (const KnownSetting& setting : kSettings) {
    css += fmt::format(".s-{0}{{fill:var(--{0});stroke:var(--{0})}}\n", setting.name);
  }
  return css + "rect{stroke:none!important}\n";
}

const std::string_view kPageStyle = R"css(
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--fore);font:16px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1240px;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;margin:.5rem 0}
h2{font-size:1.25rem;margin:2rem 0 .25rem;padding-top:.75rem;border-top:1px solid var(--grid)}
p{margin:.4rem 0;max-width:75ch}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.75rem 0}
a{color:inherit}
.notice{background:var(--note);padding:.5rem .75rem;border-radius:6px}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));
gap:.75rem;margin:.75rem 0}
figure{margin:0;padding:.5rem .6rem .4rem;background:var(--card);border-radius:6px;min-width:0;
max-width:440px}
figcaption{font-weight:600;font-size:.9rem;margin-bottom:.3rem;overflow-wrap:anywhere}
svg{display:block;width:100%;height:auto;overflow:visible}
details{margin:.5rem 0}
summary{cursor:pointer;font-weight:600;padding:.25rem 0}
.table{overflow-x:auto;margin:.5rem 0}
table{border-collapse:separate;border-spacing:0;font-size:.875rem;line-height:21px;font-variant-numeric:tabular-nums}
th,td{padding:3px .45rem;border-bottom:1px solid var(--grid);text-align:right;white-space:nowrap}
thead th{color:var(--dim);font-weight:500;vertical-align:bottom}
thead th.name{text-align:left}
th:first-child{text-align:left;position:sticky;left:0;background:var(--back)}
tbody th,table>tr>th{font-weight:500}
td.name{text-align:left;white-space:normal}
td.error{text-align:left;white-space:normal;min-width:16rem;overflow-wrap:anywhere}
@media print{details>*{display:block}}
)css";

const std::string_view kSheetStyle = R"css(
.back{fill:var(--back)}
.card{fill:var(--card)}
svg .heading{font-size:17px;font-weight:600}
svg .caption{font-size:13px;font-weight:600}
svg .words{fill:var(--dim);font-size:12px}
)css";

}  // namespace faasnap::bench::report
