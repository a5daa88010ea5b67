#include "replay/options.h"

#include <fmt/format.h>

#include <charconv>

#include "common/program.h"

namespace faasnap::bench {
namespace {

using Words = std::vector<std::string>;
using Wrong = cxxopts::exceptions::specification;

}  // namespace

void add_replay_options(cxxopts::Options& line) {
  const auto text = [](const std::string& value) {
    return cxxopts::value<std::string>()->default_value(value);
  };
  line.add_options()("trace",
                     "synthetic, names of bench/traces, or files; with --changed functions; or all",
                     cxxopts::value<Words>()->default_value("synthetic"))(
      "compute", "in the trace: recorded, or ms in all (default: recorded; synthetic: 0,20,100)",
      cxxopts::value<Words>())("repeat", "rounds", text("7"))("quick", "3 rounds")(
      "unpredicted", "pages with data that the recording misses", text("0"))(
      "changed", "record FUNCTION-first, replay FUNCTION-second")(
      "merge-gap", "of the loading set, in pages", text("32"))(
      "directory", "where images go: on a disk, not in memory",
      text(std::filesystem::path(from_environment("FAASNAP_DATA", "/var/tmp")) / "replay"))(
      "help", "this text");
}

Setting replayed_setting(const std::string& name) {
  const auto setting = parse_setting(name);
  if (!setting || *setting == Setting::boot) {
    throw Wrong(fmt::format("there is no setting {} to replay", name));
  }
  return *setting;
}

Compute parse_compute(const std::string& text) {
  if (text == "recorded") {
    return {};
  }
  double ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc() || end != text.data() + text.size() || !(ms >= 0 && ms <= 60'000)) {
    throw Wrong(fmt::format("\"{}\" is no time in ms", text));
  }
  return {Nanoseconds(static_cast<std::int64_t>(ms * 1e6))};
}

unsigned count_option(const cxxopts::ParseResult& found, const std::string& name) {
  const std::string text = found[name].as<std::string>();
  unsigned count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Wrong(fmt::format("--{}: \"{}\" is no number", name, text));
  }
  return count;
}

ReplayOptions replay_options(const cxxopts::ParseResult& found) {
  ReplayOptions options;
  options.traces = found["trace"].as<Words>();
  options.changed = found.count("changed") != 0;
  if (options.traces == Words{"all"}) {
    options.traces = traced_functions();
    if (!options.changed) {
      for (std::string& name : options.traces) {
        name = fmt::format("{}-second", name);
      }
    }
  }
  if (found.count("compute") != 0) {
    for (const std::string& text : found["compute"].as<Words>()) {
      options.computes.push_back(parse_compute(text));
    }
  }
  options.thresholds.merge_gap_pages = count_option(found, "merge-gap");
  options.repeat = found.count("quick") != 0 ? 3 : count_option(found, "repeat");
  options.unpredicted = count_option(found, "unpredicted");
  options.directory = found["directory"].as<std::string>();
  if (options.repeat == 0 || options.traces.empty()) {
    throw Wrong("nothing to do: no rounds or no traces");
  }
  if (options.changed && options.unpredicted != 0) {
    throw Wrong("--changed and --unpredicted exclude each other");
  }
  return options;
}

}  // namespace faasnap::bench
