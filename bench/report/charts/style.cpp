// SPDX-License-Identifier: Apache-2.0

#include "report/charts/style.h"

#include <fmt/format.h>

#include "report/measurements/settings.h"

namespace faasnap::bench::report {
namespace {

constexpr std::string_view kLightPage =
    "--back:#fff;--fore:#1d2329;--dim:#57606a;--grid:#d8dee4;--card:#f6f8fa;--note:#fff3d6";
constexpr std::string_view kDarkPage =
    "--back:#14181d;--fore:#e4e8ec;--dim:#a3adb8;--grid:#343c46;--card:#1c2229;--note:#40340f";

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

std::string colours(std::string_view page, std::string_view KnownSetting::*of_page) {
  std::string css = fmt::format(":root{{{}", page);
  for (const KnownSetting& setting : kSettings) {
    css += fmt::format(";--{}:{}", setting.name, setting.*of_page);
  }
  return css + "}";
}

}  // namespace

std::string drawing_style() {
  std::string css = fmt::format("\n{}\n@media(prefers-color-scheme:dark){{{}}}{}",
                                colours(kLightPage, &KnownSetting::light),
                                colours(kDarkPage, &KnownSetting::dark), kShapes);
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
