#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace faasnap::bench {

// A picture of ratios as horizontal bars on a logarithmic scale, with a line at 1; an SVG file that
// can be read on a light and on a dark background.
class BarChart {
 public:
  struct Bar {
    std::string label{};
    double value = 1;  // positive
    // What stands at its end.
    std::string note{};
  };
  struct Group {
    std::string title{};
    std::vector<Bar> bars{};
  };

  explicit BarChart(std::string title);

  void add(Group group);
  std::string svg() const;
  // Throws std::ios_base::failure.
  void write(const std::filesystem::path& file) const;

 private:
  std::string title_;
  std::vector<Group> groups_;
};

}  // namespace faasnap::bench
